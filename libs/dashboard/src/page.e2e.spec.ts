import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { INestApplication } from '@nestjs/common';
import { OutboxOperations, rabbitMq } from '@tallystick/outbox';
import { connectTestPostgres, findChromium, testBroker, testDatabase, until } from '@tallystick/services';
import { openBrowser, openTab, seriousFindings, tooWide } from '@tallystick/services/browser';
import type { Browser, Page } from 'playwright-core';
import { DataSource } from 'typeorm';
import { startProxy } from './proxy.fixture';
import { type RunningShop, startShop, startWarehouse } from './shop.fixture';

const root = join(__dirname, '..');
const KIB = 1024;

describe('What a browser loads', () => {
  beforeAll(() => execFileSync(process.execPath, [join(root, 'build.mjs')]));

  it.each([
    ['app.js', 60 * KIB],
    ['app.css', 10 * KIB],
  ])('is small: %s', (file, most) => {
    const bytes = gzipSync(readFileSync(join(root, 'dist/web', file))).length;
    expect(bytes).toBeGreaterThan(500);
    expect(bytes).toBeLessThanOrEqual(most);
  });
});

/** A machine without Chromium, on which none can be installed, runs everything else. */
const [executablePath, missing] = ((): [path: string, missing: string] => {
  try {
    return [findChromium({ install: true }), ''];
  } catch (error) {
    return ['', (error as Error).message];
  }
})();

(missing ? describe.skip : describe)(`In a browser${missing && ` (skipped: ${missing})`}`, () => {
  let urls: string[];
  let brokerUrl: string;
  let browser: Browser;
  let running: RunningShop;
  let warehouse: INestApplication;
  let address: string;
  /** One of each end: accepted, rejected, and parked by a fault of the consumer. */
  let accepted: string;
  let rejected: string;
  let parked: string;

  beforeAll(async () => {
    urls = await Promise.all([testDatabase('shop'), testDatabase('warehouse')]);
    brokerUrl = await testBroker('dashboard');
    const transport = rabbitMq({ url: brokerUrl });
    warehouse = await startWarehouse({ databaseUrl: urls[1]!, transport });
    running = await startShop({ databaseUrl: urls[0]!, transport, dashboard: { inboxes: { warehouse: urls[1]! } } });
    address = `http://127.0.0.1:${running.port}/outbox/`;
    browser = await openBrowser(executablePath);
    accepted = await running.shop.buy('tally-stick');
    rejected = await running.shop.buy('sold-out');
    await settled(accepted, 'completed');
    await settled(rejected, 'compensated');
    parked = await fault();
  });
  afterAll(async () => {
    await browser?.close();
    await running?.app.close();
    await warehouse?.close();
    for (const url of urls) await connectTestPostgres().dropDatabase(url);
  });

  async function settled(id: string, state: string): Promise<void> {
    await until(
      `${id} is ${state}`,
      async () => {
        const found = await (await fetch(`${address}api/deliveries?filter=id:${id}+state:${state}`)).json();
        return (found as unknown[]).length === 1;
      },
      { timeoutMs: 30_000 },
    );
  }
  const mend = (): Promise<unknown> => warehouse.get(DataSource).query('alter table gone rename to parcel');
  /** The consumer cannot write until it is mended, so the message is given up, and waits for a person. */
  async function fault(): Promise<string> {
    await warehouse.get(DataSource).query('alter table parcel rename to gone');
    const id = await running.shop.buy('tally-stick');
    await settled(id, 'parked');
    return id;
  }
  const open = (page: Page, where: string): Promise<unknown> => page.goto(`${address}#/${where}`);

  const PAGES = {
    overview: 'live',
    messages: 'Search',
    inbox: 'This inbox has no row.',
    'inbox?of=warehouse': 'The last one is gone.',
    machinery: 'Shop.refund',
    operations: 'Nobody has changed anything yet.',
  };

  it.each([
    ['light', 1280],
    ['dark', 360],
  ] as const)(
    'shows every page, %s and %i pixels wide, without a serious finding of axe or a foreign request',
    async (scheme, width) => {
      const { page, requested, troubles } = await openTab(browser, { scheme, width });
      const whole = {
        ...PAGES,
        [`message?id=${accepted}`]: 'Settled',
        [`message?id=${parked}`]: 'it waits for a person',
      };
      const found = [];
      for (const [where, says] of Object.entries(whole)) {
        await open(page, where);
        await page.locator('main').getByText(says).first().waitFor();
        found.push({ where, findings: await seriousFindings(page), tooWide: await tooWide(page) });
      }
      expect(found).toEqual(Object.keys(whole).map((where) => ({ where, findings: [], tooWide: 0 })));
      expect(troubles).toEqual([]);
      expect(requested.filter((url) => !url.startsWith(address))).toEqual([]);
      await page.context().close();
    },
  );

  it('speaks Chinese where the browser does, and English when it is asked to, in the address', async () => {
    const { page } = await openTab(browser, { locale: 'zh-CN' });
    await open(page, `message?id=${accepted}`);
    await page.getByText('消费端的一半').waitFor();
    expect(await page.getAttribute('html', 'lang')).toBe('zh');
    for (const where of ['总览', '消息', '收件箱', '消费端与转发器', '操作记录']) {
      await page.getByRole('link', { name: where, exact: true }).click();
      await page.getByRole('heading', { level: 2, name: where }).waitFor();
      expect(await seriousFindings(page)).toEqual([]);
    }
    await open(page, 'messages?filter=newer:1h');
    await page.getByRole('button', { name: '全部重试 …' }).click();
    await page.getByRole('dialog').getByText('这会成为一个任务').waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    await page.getByRole('button', { name: '返回' }).click();
    await open(page, 'operations');
    await page.getByRole('heading', { level: 2, name: '操作记录' }).waitFor();
    await page.getByRole('link', { name: 'English' }).click();
    await page.getByRole('heading', { level: 2, name: 'Operations' }).waitFor();
    expect(page.url()).toContain('lang=en');
    await page.context().close();
  });

  it('shows both halves of a message: what the producer knows, and what the consumer has decided', async () => {
    const { page } = await openTab(browser);
    await open(page, `message?id=${rejected}`);
    await page.getByText('Handled: the consumer’s inbox has its row').waitFor();
    const text = await page.innerText('main');
    expect(text).toContain('OUT_OF_STOCK: The last one is gone.');
    expect(text).toMatch(/Recorded[^]*Handled[^]*Settled compensated/);
    expect(text).toContain('"sku": "sold-out"');
    expect(running.shop.refunded).toEqual(['sold-out']);
    await page.context().close();
  });

  it('finds with the filter box what was parked by a fault, tells why, and completes it, with the keyboard alone', async () => {
    const { page } = await openTab(browser);
    await open(page, 'messages');
    const box = page.getByRole('combobox', { name: 'Filter' });
    await box.focus();
    await page.keyboard.type('sta');
    await page.getByRole('option', { name: 'state:' }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.keyboard.type('par');
    await page.getByRole('option', { name: 'state:parked' }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByText('1 found').waitFor();
    expect(page.url()).toContain('filter=state%3Aparked');
    await tabTo(page, `#/message?id=${parked}`);
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('relation "parcel" does not exist').waitFor();
    expect(await page.innerText('main')).toMatch(
      /The consumer’s half: warehouse[^]*Put off by the consumer: [^]*Its inbox has no row/,
    );

    await mend();
    const retry = page.getByRole('button', { name: 'Retry …' });
    await retry.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').getByText('It changes: 1').waitFor();
    await page.keyboard.type('the table is back');
    await page.keyboard.press('Enter');
    await page.getByRole('status').getByText('Changed: 1').waitFor();
    await page.getByText('Settled completed').waitFor();
    expect(await page.innerText('main')).toMatch(
      /Put off by the consumer[^]*Parked[^]*Retried · by loopback: the table is back[^]*Handled/,
    );
    await open(page, 'operations');
    await page.getByRole('cell', { name: 'the table is back' }).waitFor();
    await page.context().close();
  });

  it('cancels and discards what somebody chose, after it has said what will change, and says what was refused', async () => {
    const ids = [await fault(), await running.shop.buy('tally-stick')];
    await settled(ids[1]!, 'parked');
    const { page } = await openTab(browser);
    await open(page, 'messages?filter=newer%3A1h');
    await page.getByRole('checkbox', { name: 'Select all' }).check();
    await page.getByRole('button', { name: 'Discard …' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('It changes: 2').waitFor();
    await dialog.getByText('Left as they are').waitFor();
    await dialog.getByLabel('Why').fill('nobody wants them');
    await dialog.getByRole('button', { name: 'Discard' }).click();
    await page.getByText('Refused: Only a parked delivery can be discarded').first().waitFor();

    await page.getByRole('button', { name: 'Cancel …' }).click();
    await dialog.getByLabel('Why').fill('the customer left');
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('Changed: 2').waitFor();
    for (const id of ids) await settled(id, 'compensated');

    const last = await running.shop.buy('tally-stick');
    await settled(last, 'parked');
    await open(page, `message?id=${last}`);
    await page.getByRole('button', { name: 'Discard …' }).click();
    await dialog.getByLabel('Why').fill('it is lost');
    await dialog.getByLabel('Though the consumer may').check();
    await dialog.getByRole('button', { name: 'Discard' }).click();
    await page.getByText('Settled discarded').waitFor();
    await mend();
    await page.context().close();
  });

  it('does to everything that a filter means what somebody asks for, after it has said how much that is, with the keyboard alone', async () => {
    const ids = [await fault(), await running.shop.buy('tally-stick'), await running.shop.buy('tally-stick')];
    for (const id of ids) await settled(id, 'parked');
    await mend();
    const { page } = await openTab(browser);
    await open(page, 'messages?filter=newer:1h');
    await tabToButton(page, 'Retry all …');
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.getByText('It changes: 3').waitFor();
    await dialog.getByText('Left as they are').waitFor();
    await page.keyboard.type('the shelves are back');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 2, name: 'Operations' }).waitFor();
    const row = page.getByRole('region', { name: 'Bulk jobs' }).getByRole('row', { name: 'the shelves are back' });
    await row.getByText('done').waitFor();
    expect(await row.innerText()).toMatch(/loopback\s+retry\s+done\s+of \d+\s+3\s/);
    expect(await seriousFindings(page)).toEqual([]);
    for (const id of ids) await settled(id, 'completed');
    await page.context().close();
  });

  it('shows how far a job is, stops it, and goes on with it', async () => {
    for (let count = 0; count < 40; count++) await running.shop.buy('foil');
    const operations = running.app.get(OutboxOperations);
    const working = operations.bulk('retry', 'key:foil', { by: 'grace', reason: 'one by one', rate: 1 });
    const { page } = await openTab(browser);
    await open(page, 'operations');
    const row = page.getByRole('region', { name: 'Bulk jobs' }).getByRole('row', { name: 'one by one' });
    await row.getByRole('button', { name: 'Stop: Retry' }).press('Enter');
    await row.getByText('stopped').waitFor();
    expect((await working).state).toBe('stopped');
    await row.getByRole('button', { name: 'Go on: Retry' }).press('Enter');
    await row.getByText('running').waitFor();
    await row.getByRole('button', { name: 'Stop: Retry' }).press('Enter');
    await page.getByRole('cell', { name: 'one by one · stopped by loopback' }).first().waitFor();
    await page.context().close();
  });

  /** `npm run screenshots` makes the pictures that the documents show. */
  (process.env.SCREENSHOTS ? it : it.skip)('can be shown in documents', async () => {
    const id = await fault();
    for (const sku of ['notch', 'foil', 'stock']) await running.shop.buy(sku);
    const pictures = {
      overview: ['overview', 'live', {}],
      messages: ['messages?filter=newer:1h', 'found', {}],
      message: [`message?id=${id}`, 'it waits for a person', {}],
      'message-zh': [`message?id=${rejected}`, '消费端的一半', { locale: 'zh-CN' }],
      inbox: ['inbox?of=warehouse', 'The last one is gone.', {}],
      machinery: ['machinery', 'Shop.refund', {}],
      operations: ['operations', 'the table is back', { scheme: 'dark' }],
      narrow: [`message?id=${id}`, 'it waits for a person', { scheme: 'dark', width: 360 }],
    } as const;
    for (const [name, [where, says, look]] of Object.entries(pictures)) {
      const { page } = await openTab(browser, look);
      await open(page, where);
      await page.locator('main').getByText(says).first().waitFor();
      await page.screenshot({ path: join(root, '../../docs/dashboard', `${name}.png`) });
      await page.context().close();
    }
    await mend();
  });

  it('holds a consumer back when somebody asks for it, and says so on top, and who did it, as long as it is', async () => {
    const { page } = await openTab(browser);
    await open(page, 'machinery');
    await page.getByText('Shop.refund').waitFor();
    await page.getByRole('button', { name: 'Pause warehouse …' }).press('Enter');
    await page.getByRole('dialog').getByText('Nothing of it is sent until').waitFor();
    await page.keyboard.type('their database moves');
    await page.keyboard.press('Enter');
    await page.getByText('by loopback: their database moves').waitFor();
    const consumer = page.getByRole('row', { name: 'warehouse' });
    await consumer.getByText('Paused').waitFor();
    // In flight, open, parked, lag, and what its quarantine at the broker holds.
    expect(await consumer.innerText()).toMatch(/warehouse\s+Paused\s+0 \/ \d+\s+0\s+\d+\s+0 ms\s+0/);
    expect(await seriousFindings(page)).toEqual([]);

    const id = await running.shop.buy('tally-stick');
    await open(page, 'overview');
    await page.getByText('by loopback: their database moves').waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    await settled(id, 'pending');

    await open(page, 'machinery');
    await page.getByRole('button', { name: 'Resume to:warehouse …' }).press('Enter');
    await page.getByRole('dialog').getByRole('button', { name: 'Resume' }).press('Enter');
    await page.getByText('Resumed; held back until now').waitFor();
    await settled(id, 'completed');
    await open(page, 'overview');
    await page.getByText('Recorded').first().waitFor();
    await page.getByText('Sending is paused').waitFor({ state: 'detached' });
    await page.context().close();
  });

  it('is the same in Fastify, under a global prefix, and behind a proxy that takes something off the path', async () => {
    const transport = rabbitMq({ url: brokerUrl });
    const authorize = () => ({ may: 'operate', name: 'ada' }) as const;
    const another = await startShop({
      databaseUrl: urls[0]!,
      ...{ transport, framework: 'fastify', prefix: 'v1', dashboard: { authorize } },
    });
    const proxy = await startProxy(another.port, '/tools/shop');
    const { page, requested, troubles } = await openTab(browser);
    const below = `http://127.0.0.1:${proxy.port}/tools/shop/outbox/`;
    await page.goto(below);
    await page.getByText('live').waitFor();
    await page.getByRole('link', { name: 'Consumers & relays' }).click();
    await page.getByRole('button', { name: 'Pause warehouse …' }).click();
    await page.keyboard.type('through the gateway');
    await page.keyboard.press('Enter');
    await page.getByText('by ada: through the gateway').waitFor();
    await another.app.get(OutboxOperations).resume({ to: 'warehouse' });
    expect(troubles).toEqual([]);
    expect(requested.filter((url) => !url.startsWith(below))).toEqual([]);
    await page.context().close();
    await proxy.close();
    await another.app.close();
  });

  it('follows what happens without being asked to', async () => {
    const { page } = await openTab(browser);
    await open(page, 'overview');
    await page.getByText('live').waitFor();
    await running.shop.buy('tally-stick');
    await page.getByRole('cell', { name: 'completed' }).waitFor();
    await page.context().close();
  });
});

/** As somebody without a mouse gets to a link. */
function tabTo(page: Page, address: string): Promise<void> {
  return tabUntil(page, 'document.activeElement?.getAttribute("href")', address);
}

function tabToButton(page: Page, text: string): Promise<void> {
  return tabUntil(page, 'document.activeElement?.textContent', text);
}

async function tabUntil(page: Page, asked: string, wanted: string): Promise<void> {
  for (let press = 0; press < 60; press++) {
    await page.keyboard.press('Tab');
    if ((await page.evaluate(asked)) === wanted) return;
  }
  throw new Error(`${wanted} cannot be reached with Tab`);
}
