import { readFileSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

export type { Browser, Page };

/** What a page asked for, and what went wrong in it. */
export interface Watched {
  readonly page: Page;
  readonly requested: readonly string[];
  readonly troubles: readonly string[];
}

/** No sandbox: it does not work for root, as in a container; the pages are our own. */
export function openBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

/** A tab of its own, which notes what it requests and everything that goes wrong, a refusal by the policy too. */
export async function openTab(
  browser: Browser,
  look: { width?: number; scheme?: 'light' | 'dark'; locale?: string } = {},
): Promise<Watched> {
  const { width = 1280, scheme = 'light', locale = 'en-GB' } = look;
  const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme: scheme, locale });
  const page = await context.newPage();
  const requested: string[] = [];
  const troubles: string[] = [];
  page.on('request', (request) => requested.push(request.url()));
  page.on('pageerror', (error) => troubles.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') troubles.push(message.text());
  });
  return { page, requested, troubles };
}

const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

/** Everything that axe calls serious or critical, with where it is. Evaluated, not inserted: the policy lets no script in. */
export async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: Finding[] }> } };
    interface Finding {
      id: string;
      impact: string;
      nodes: { html: string; failureSummary: string }[];
    }
    const { violations } = await axe.run();
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
  });
}

/** How far one could scroll to the side. */
export function tooWide(page: Page): Promise<number> {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = (
      globalThis as unknown as { document: { documentElement: { scrollWidth: number; clientWidth: number } } }
    ).document.documentElement;
    return scrollWidth - clientWidth;
  });
}
