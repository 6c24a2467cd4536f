import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';

/**
 * Writes what the library's users compile against, one report for each entry point of its package.json, into the folder
 * that is given. Types that an entry point leads to count, exported or not: nobody imports the members of a handler's
 * context, and everybody uses them. It reads `dist`, so compile before.
 */
const library = resolve(import.meta.dirname, '../../libs/outbox');
const manifest = join(library, 'package.json');
const { exports } = JSON.parse(readFileSync(manifest, 'utf8'));

function report(types) {
  const temporary = mkdtempSync(join(tmpdir(), 'tallystick-api-'));
  const silent = { default: { logLevel: ExtractorLogLevel.None } };
  const config = ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: manifest,
    configObject: {
      projectFolder: library,
      mainEntryPointFilePath: join(library, types),
      compiler: { tsconfigFilePath: join(library, 'tsconfig.json') },
      newlineKind: 'lf',
      apiReport: {
        enabled: true,
        includeForgottenExports: true,
        reportFileName: 'report',
        reportFolder: temporary,
        reportTempFolder: temporary,
      },
      messages: {
        compilerMessageReporting: silent,
        extractorMessageReporting: silent,
        tsdocMessageReporting: silent,
      },
    },
  });
  try {
    Extractor.invoke(config, { localBuild: true, messageCallback: (message) => (message.handled = true) });
    return readFileSync(join(temporary, 'report.api.md'), 'utf8');
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Whether something has a comment is no part of its signature. */
const signaturesOf = (text) => text.replaceAll(/^ *(\/\/ [@(].*|\/\*\*.*\*\/)\n/gm, '');

const folder = resolve(process.argv[2]);
mkdirSync(folder, { recursive: true });
for (const [path, { types }] of Object.entries(exports)) {
  if (!types) continue;
  const name = path === '.' ? 'index' : path.slice('./'.length).replaceAll('/', '-');
  writeFileSync(join(folder, `${name}.api.md`), signaturesOf(report(types)));
}
