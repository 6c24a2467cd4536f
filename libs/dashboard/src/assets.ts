import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Exchange, send } from './http';

/** What the page consists of: everything that a browser loads. */
export const ASSETS = {
  '/': { file: 'index.html', type: 'text/html; charset=utf-8' },
  '/app.js': { file: 'app.js', type: 'text/javascript; charset=utf-8' },
  '/app.css': { file: 'app.css', type: 'text/css; charset=utf-8' },
  '/icon.svg': { file: 'icon.svg', type: 'image/svg+xml' },
} as const;

/** Beside the compiled server; from its sources the same. */
const FOLDER = join(__dirname, '../dist/web');

/** Not every build makes the page: a service without it works, and says what to do. */
const MISSING = 'The page has not been built. Run "npm run build:web" and load it again.\n';

/** Kept once read, and asked for anew each time: a deployment is seen at once, and costs one short answer until then. */
export class Assets {
  private readonly read = new Map<string, { readonly body: Buffer; readonly tag: string }>();

  /** @param folder of what `build.mjs` made */
  constructor(private readonly folder = FOLDER) {}

  serve({ request, response }: Pick<Exchange, 'request' | 'response'>, path: keyof typeof ASSETS): void {
    const { file, type } = ASSETS[path];
    const found = this.read.get(file) ?? this.load(file);
    if (!found) return send(response, 503, 'text/plain; charset=utf-8', MISSING);
    const caching = { 'Cache-Control': 'no-cache', ETag: found.tag };
    if (request.headers['if-none-match'] === found.tag) return send(response, 304, type, '', caching);
    send(response, 200, type, found.body, caching);
  }

  private load(file: string): { body: Buffer; tag: string } | undefined {
    const path = join(this.folder, file);
    if (!existsSync(path)) return undefined;
    const body = readFileSync(path);
    const loaded = { body, tag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` };
    this.read.set(file, loaded);
    return loaded;
  }
}
