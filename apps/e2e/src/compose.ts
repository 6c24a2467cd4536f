import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const root = join(__dirname, '..', '..', '..');

export interface ComposeService {
  readonly image?: string;
  readonly build?: { readonly dockerfile: string; readonly args: Readonly<Record<string, string>> };
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly networks?: readonly string[];
  readonly volumes?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

export interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
  readonly configs: Readonly<Record<string, { readonly content: string }>>;
}

export function readFromRoot(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** `docker-compose.yml` with `${variables}` filled in, as `docker compose config` would. Knows the two forms we use. */
export function compose(environment: Readonly<Record<string, string>>): Compose {
  const text = readFromRoot('docker-compose.yml');
  const filled = text.replaceAll(
    /\$\$|\$\{(\w+)(:[?-])([^}]*)\}/g,
    (whole, name: string, kind: string, rest: string) => {
      if (whole === '$$') return '$';
      const value = environment[name] || (kind === ':-' ? rest : undefined);
      if (value === undefined) throw new Error(`${name} must be set to use docker-compose.yml.`);
      return value;
    },
  );
  return parse(filled, { merge: true }) as Compose;
}

/** The variables of `.env.example`. */
export function exampleEnvironment(): Record<string, string> {
  const lines = readFromRoot('.env.example').split('\n');
  return Object.fromEntries(
    lines.filter((line) => /^\w+=/.test(line)).map((line) => line.split('=', 2) as [string, string]),
  );
}
