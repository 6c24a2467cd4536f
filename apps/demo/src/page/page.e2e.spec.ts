import { join } from 'node:path';
import { findChromium, testBroker } from '@tallystick/services';
import {
  type Browser,
  openBrowser,
  openTab,
  type Page,
  seriousFindings,
  tooWide,
  type Watched,
} from '@tallystick/services/browser';
import { Demo, givenDatabases, urlsOf } from '../demo.fixture';
import { ANNOUNCED } from './judgement';
import type { ButtonName } from './page';

jest.setTimeout(180_000);

/** A machine without Chromium, on which none can be installed, runs everything else. */
const [executablePath, missing] = ((): [path: string, missing: string] => {
  try {
    return [findChromium({ install: true }), ''];
  } catch (error) {
    return ['', (error as Error).message];
  }
})();

/** Over direct calls there is no broker that could be stopped, or deliver a copy. */
const IMPOSSIBLE: Readonly<Record<'rabbitmq' | 'direct', readonly ButtonName[]>> = {
  rabbitmq: [],
  direct: ['stopBroker', 'threeTimes'],
};

interface Stage extends Watched {
  readonly transport: 'rabbitmq' | 'direct';
  readonly demo: Demo;
  readonly address: string;
}

(missing ? describe.skip : describe)(`The page of the demo${missing && ` (skipped: ${missing})`}`, () => {
  let browser: Browser;
  let stages: Stage[];
  const demos: Demo[] = [];

  /** Each of both transports once: one in English, light and wide, the other in Chinese, dark and as on a telephone. */
  async function open(transport: Stage['transport'], options: string[], more: NodeJS.ProcessEnv = {}): Promise<Stage> {
    const environment = { ...urlsOf(await givenDatabases()), ...more };
    const demo = await Demo.start(['--transport', transport, '--no-story', ...options], environment);
    demos.push(demo);
    await demo.says('Ctrl-C');
    const look = transport === 'direct' ? ({ scheme: 'dark', width: 360 } as const) : {};
    const tab = await openTab(browser, look);
    tab.page.setDefaultTimeout(100_000);
    const address = demo.ready.page!;
    await tab.page.goto(address);
    await tab.page.locator('.invariants li').first().waitFor();
    return { ...tab, transport, demo, address: new URL('/', address).href };
  }

  beforeAll(async () => {
    browser = await openBrowser(executablePath);
    const AMQP_URL = await testBroker('demo_page');
    stages = await Promise.all([open('rabbitmq', [], { AMQP_URL }), open('direct', ['--lang', 'zh'])]);
  });
  afterAll(async () => {
    await browser?.close();
    for (const demo of demos) demo.kill('SIGKILL');
  });

  const card = (page: Page, button: ButtonName) => page.locator(`[data-button=${button}]`);

  async function press({ page, transport }: Stage, button: ButtonName): Promise<string> {
    const [mine, pressed] = [card(page, button), card(page, button).getByRole('button')];
    if (IMPOSSIBLE[transport].includes(button)) {
      await mine.locator('.obstacle').waitFor();
      return (await pressed.getAttribute('aria-disabled')) === 'true' ? 'impossible' : 'possible';
    }
    // With the keyboard alone.
    await pressed.focus();
    await page.keyboard.press('Enter');
    await mine.locator('.outcome:not(.running)').waitFor();
    const broken = await page.locator('.invariants li.bad').allInnerTexts();
    if ((await mine.locator('.outcome.kept').count()) === 1 && broken.length === 0) return 'kept';
    return [await mine.innerText(), ...broken].join('\n');
  }

  it.each(Object.keys(ANNOUNCED) as ButtonName[])('says what to expect, and it comes true: %s', async (button) => {
    const ends = await Promise.all(stages.map((stage) => press(stage, button)));
    expect(ends).toEqual(
      stages.map(({ transport }) => (IMPOSSIBLE[transport].includes(button) ? 'impossible' : 'kept')),
    );
    for (const { page } of stages) expect(await card(page, button).locator('.outcome li.bad').count()).toBe(0);
  });

  it('shows both services, their tables, what holds, and a way to both dashboards', async () => {
    for (const { page, demo } of stages) {
      for (const table of ['users', 'purchases', 'outbox_delivery', 'stock', 'orders', 'inbox_message'])
        await page.getByRole('region', { name: table, exact: true }).getByRole('row').nth(1).waitFor();
      expect(await page.locator('.invariants li.good').count()).toBe(4);
      for (const url of [demo.ready.user, demo.ready.order]) {
        await page.locator(`a[href="${url}/outbox/"]`).waitFor();
        expect(await (await fetch(`${url}/outbox/`)).text()).toContain('app.js');
      }
    }
  });

  it('speaks both languages, light and dark, without a serious finding of axe or a request to anybody else', async () => {
    const [first, second] = stages as [Stage, Stage];
    await first.page.getByRole('heading', { name: 'Two services, one purchase' }).waitFor();
    await second.page.getByRole('heading', { name: '两个服务，一笔购买' }).waitFor();
    for (const { page, requested, troubles, address } of stages) {
      for (const theme of ['dark', 'light']) {
        await page.evaluate(
          `location.hash = '#/?' + new URLSearchParams({ ...Object.fromEntries(new URLSearchParams(location.hash.split('?')[1])), theme: '${theme}' })`,
        );
        await page.locator(`html[data-theme=${theme}]`).waitFor();
        expect(await seriousFindings(page)).toEqual([]);
      }
      expect(await tooWide(page)).toBe(0);
      expect(requested.filter((url) => !url.startsWith(address))).toEqual([]);
      expect(troubles).toEqual([]);
    }
  });

  /** `npm run screenshots` makes the pictures that the documents show. */
  (process.env.SCREENSHOTS ? it : it.skip)('can be shown in documents', async () => {
    const { page, address } = stages[0]!;
    await page.setViewportSize({ width: 1280, height: 1250 });
    for (const button of ['sellOut', 'buyHundred'] as const) expect(await press(stages[0]!, button)).toBe('kept');
    for (const [name, lang] of Object.entries({ page: 'en', 'page-zh': 'zh' })) {
      await page.goto(`${address}#/?lang=${lang}&theme=light`);
      await page.locator(`html[lang=${lang}]`).waitFor();
      await page.evaluate('scrollTo(0, 0)');
      await page.screenshot({ path: join(__dirname, '../../../../docs/demo', `${name}.png`), animations: 'disabled' });
    }
  });

  it('is gone with Ctrl-C, and so is everything else', async () => {
    for (const { demo } of stages) {
      demo.kill('SIGINT');
      expect(await demo.exitCode()).toBe(0);
      await demo.expectNothingLeft();
    }
  });
});
