import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { levelOf, type OutboxEvent } from '../libs/outbox/src/message/events';
import { type Instrument, INSTRUMENTS, prometheusLabel, prometheusName } from '../libs/outbox/src/message/instruments';

/**
 * Documentation that can fail: every link leads somewhere, a link to a line leads to the line it speaks of, a test that
 * is named exists under that name, every TypeScript block compiles against the library as it is, and the lists of
 * options, events and errors are complete.
 *
 * Code moves and line numbers go stale: `FIX_LINKS=1 npx jest --selectProjects unit --testPathPatterns docs/` moves
 * them to the nearest line that holds the text.
 */
const root = resolve(__dirname, '..');
const documents = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
  join('libs', 'outbox', 'README.md'),
  join('libs', 'dashboard', 'README.md'),
  join('examples', 'README.md'),
].filter((name) => existsSync(join(root, name)));

const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const prose = (document: string): string => read(document).replaceAll(/^```[\s\S]*?^```/gm, '');

describe('links', () => {
  interface Link {
    readonly text: string;
    readonly target: string;
  }

  function links(document: string): Link[] {
    const found = prose(document).matchAll(/(?<!!)\[((?:[^\]\\]|\\.)+)\]\(([^)\s]+)\)/g);
    return [...found].map(([, text, target]) => ({ text: text!, target: target! }));
  }

  /** GitHub's anchors: lower case, punctuation dropped, blanks become dashes. */
  function anchors(file: string): string[] {
    const headings = readFileSync(file, 'utf8').matchAll(/^#{1,6}\s+(.+)$/gm);
    return [...headings].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(/\s/g, '-'),
    );
  }

  function problemWith({ text, target }: Link, document: string): string | undefined {
    if (/^(https?:|mailto:)/.test(target)) return undefined;
    const link = `[${text}](${target})`;
    const [path, hash] = target.split('#');
    const file = path ? resolve(root, dirname(document), path) : join(root, document);
    if (!existsSync(file)) return `${link}: there is no ${relative(root, file)}`;
    const inBackticks = [...text.matchAll(/`([^`]+)`/g)].map(([, spoken]) => spoken!);
    const line = /^L(\d+)$/.exec(hash ?? '')?.[1];
    if (line) return wrongLine(link, inBackticks[0], file, Number(line));
    if (hash) return anchors(file).includes(hash) ? undefined : `${link}: no heading #${hash}`;
    const missing = holdsTests(file) ? inBackticks.filter((title) => !hasTest(file, title)) : [];
    return missing.length > 0 ? `${link}: no test there is called ${missing.join(' or ')}` : undefined;
  }

  function wrongLine(link: string, spoken: string | undefined, file: string, line: number): string | undefined {
    if (!spoken) return `${link}: a link to a line names what stands there, in backticks`;
    const lines = readFileSync(file, 'utf8').split('\n');
    if (lines[line - 1]?.includes(spoken)) return undefined;
    const nearest = nearestLine(lines, spoken, line);
    return `${link}: line ${line} does not hold ${spoken}${nearest ? `; line ${nearest} does` : ''}`;
  }

  function nearestLine(lines: string[], text: string, line: number): number | undefined {
    const holding = lines.flatMap((each, index) => (each.includes(text) ? [index + 1] : []));
    return holding.sort((a, b) => Math.abs(a - line) - Math.abs(b - line))[0];
  }

  /** Test files, and the suites that several of them run. */
  function holdsTests(file: string): boolean {
    return /\.spec\.ts$|-contract-\w+\.ts$/.test(file) && statSync(file).isFile();
  }

  function hasTest(file: string, title: string): boolean {
    const source = readFileSync(file, 'utf8');
    return ["'", '"', '`'].some((quote) => source.includes(`${quote}${title}${quote}`));
  }

  function fixLines(document: string): void {
    const fixed = read(document).replaceAll(
      /\[([^\]`]*`([^`\]]+)`[^\]]*)\]\(([^)\s#]+)#L(\d+)\)/g,
      (link: string, text: string, spoken: string, path: string, line: string) => {
        const file = resolve(root, dirname(document), path);
        if (!existsSync(file)) return link;
        const lines = readFileSync(file, 'utf8').split('\n');
        if (lines[Number(line) - 1]?.includes(spoken)) return link;
        return `[${text}](${path}#L${nearestLine(lines, spoken, Number(line)) ?? line})`;
      },
    );
    if (fixed !== read(document)) writeFileSync(join(root, document), fixed);
  }

  it.each(documents)('of %s lead somewhere, to the line they speak of, and to tests that exist', (document) => {
    if (process.env.FIX_LINKS) fixLines(document);
    const problems = links(document).map((link) => problemWith(link, document));
    expect(problems.filter((problem) => problem !== undefined)).toEqual([]);
  });

  it('of the tour lead through every file of the core', () => {
    const folders = [
      'message',
      'ports',
      'concurrency',
      'outbox',
      'transactions',
      'relay',
      'inbox',
      'receipts',
      'discovery',
      'operations',
    ];
    const files = folders.flatMap((folder) =>
      readdirSync(join(root, 'libs/outbox/src', folder))
        .filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts') && name !== 'index.ts')
        .map((name) => `libs/outbox/src/${folder}/${name}`),
    );
    const linked = links(join('docs', 'tour.md')).map(({ target }) => target);
    expect(files.filter((file) => !linked.some((target) => target.includes(`../${file}`)))).toEqual([]);
  });
});

describe('the words of the tour', () => {
  const heart = ['outbox', 'relay', 'inbox', 'receipts', 'concurrency'];
  const rows = read(join('docs', 'tour.md'))
    .split('## Words')[1]!
    .split('\n')
    .filter((line) => /^\| [a-z]/.test(line) && !line.startsWith('| word '))
    .map((line) => line.split('|').map((cell) => cell.trim()));

  it('are one for each thing', () => {
    const words = rows.map(([, word]) => word);
    expect(words.length).toBeGreaterThan(10);
    expect(new Set(words).size).toBe(words.length);
  });

  it.each(rows.map(([, word, , not]) => [word!, [...not!.matchAll(/`([^`]+)`/g)].map(([, other]) => other!)] as const))(
    'leave nothing else for %s in the code that a message goes through: %j',
    (_, others) => {
      const found = heart.flatMap((folder) =>
        readdirSync(join(root, 'libs/outbox/src', folder))
          .filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'))
          .flatMap((name) => {
            const text = read(join('libs/outbox/src', folder, name));
            return others.filter((other) => holdsWord(text, other)).map((other) => `${folder}/${name}: ${other}`);
          }),
      );
      expect(found).toEqual([]);
    },
  );

  /** As a word of a sentence, or as one of a name: `destination` in `fullDestination`, and not in `predestinations`. */
  function holdsWord(text: string, word: string): boolean {
    const capital = word[0]!.toUpperCase() + word.slice(1);
    return new RegExp(`\\b${word}(?![a-z])|(?<![A-Z])${capital}(?![a-z])`).test(text);
  }
});

it('cites by name what is here: a rule, a heading, a file, and never the paragraph of another document', () => {
  const sign = '\u00a7';
  const { stdout } = spawnSync('git', ['grep', '--line-number', '-I', sign], { cwd: root, encoding: 'utf8' });
  expect(stdout.split('\n').filter(Boolean)).toEqual([]);
});

describe('the TypeScript blocks of the documents', () => {
  /** What the blocks call `./entities`: a reader has such a file already. */
  const ENTITIES = `
    import { Column, Entity, PrimaryColumn } from 'typeorm';
    @Entity() export class Account { @PrimaryColumn('uuid') userId!: string; @Column('bigint') balance!: number }
    @Entity() export class Stock { @PrimaryColumn() sku!: string; @Column('integer') left!: number }
  `;

  it('compile', () => {
    const blocks = documents.flatMap((document) =>
      [...read(document).matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code], index) => ({
        name: `${document.replaceAll(/[^\w]/g, '_')}_${index}.ts`,
        code: code!,
      })),
    );
    expect(blocks.length).toBeGreaterThan(0);
    // Inside the workspace, so that imports resolve as they do for a user.
    const folder = mkdtempSync(join(root, 'docs', '.blocks-'));
    try {
      writeFileSync(join(folder, 'entities.ts'), ENTITIES);
      const files = blocks.map(({ name, code }) => {
        const file = join(folder, name);
        writeFileSync(file, /^(import|export)\b/m.test(code) ? code : `export {};\n${code}`);
        return file;
      });
      expect(problemsOf(files)).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 60_000);

  function problemsOf(files: string[]): string[] {
    const base = ts.readConfigFile(join(root, 'tsconfig.base.json'), ts.sys.readFile).config as {
      compilerOptions: object;
    };
    const { options } = ts.convertCompilerOptionsFromJson(
      {
        ...base.compilerOptions,
        isolatedModules: true, // as what `nest new` makes has it
        composite: false,
        declaration: false,
        declarationMap: false,
        noEmit: true,
        types: ['node', 'jest'],
        paths: {
          '@tallystick/outbox': [join(root, 'libs/outbox/src/index.ts')],
          '@tallystick/outbox/testing': [join(root, 'libs/outbox/src/testing/index.ts')],
          '@tallystick/outbox/prometheus': [join(root, 'libs/outbox/src/adapters/prometheus/index.ts')],
          '@tallystick/outbox/opentelemetry': [join(root, 'libs/outbox/src/adapters/opentelemetry/index.ts')],
          '@tallystick/dashboard': [join(root, 'libs/dashboard/src/index.ts')],
          '@tallystick/contracts': [join(root, 'libs/contracts/src/index.ts')],
        },
      },
      root,
    );
    return ts
      .getPreEmitDiagnostics(ts.createProgram(files, options))
      .filter(({ file }) => file && files.includes(resolve(file.fileName)))
      .map(
        ({ file, messageText }) => `${basename(file!.fileName)}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
      );
  }
});

describe('the lists', () => {
  const library = 'libs/outbox/src';
  const operations = read('docs/operations.md');

  /** The rows of the tables of one section, cells trimmed. */
  function rowsOf(document: string, heading: string): string[][] {
    const section = read(document).split(new RegExp(`^#+ ${heading}$`, 'm'))[1] ?? '';
    return section
      .split(/^#+ /m)[0]!
      .split('\n')
      .filter((line) => /^\| *`/.test(line))
      .map((line) =>
        line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );
  }
  const name = (cell: string | undefined): string => /`([^`]+)`/.exec(cell ?? '')?.[1] ?? '';

  /** `name → the text behind @default`, as the interface has it. */
  function optionsIn(file: string, interfaceName: string): Map<string, string | undefined> {
    const body = new RegExp(`export interface ${interfaceName} {\\n([\\s\\S]*?)\\n}`).exec(read(file))![1]!;
    const options = body.matchAll(/\/\*\*([\s\S]*?)\*\/\s+(?:readonly )?(\w+)\??:/g);
    return new Map(
      [...options].map(([, comment, option]) => [
        option!,
        /@default (.+?)(?:\s*\*?\s*$|\n)/.exec(comment!)?.[1]?.trim(),
      ]),
    );
  }

  it.each([
    ['OutboxModule', `${library}/outbox-options.ts`, 'OutboxModuleOptions'],
    ['postgres\\(\\)', `${library}/adapters/postgres/postgres-factory.ts`, 'PostgresOptions'],
    ['rabbitMq\\(\\)', `${library}/adapters/rabbitmq/rabbitmq-options.ts`, 'RabbitMqOptions'],
    ['direct\\(\\)', `${library}/adapters/direct/direct-options.ts`, 'DirectOptions'],
  ])('of options have every option of %s, with its default', (heading, file, interfaceName) => {
    const rows = rowsOf('docs/operations.md', heading);
    const options = optionsIn(file, interfaceName);
    expect(rows.map(([cell]) => name(cell))).toEqual([...options.keys()]);
    for (const [cell, shown] of rows) {
      const [value] = /'[^']*'|\d+|true|none/.exec(options.get(name(cell)) ?? '') ?? [];
      if (value !== undefined) expect(`${name(cell)}: ${shown}`).toContain(value);
    }
  });

  it('of events have every event, at its level', () => {
    const declared = [...read(`${library}/message/events.ts`).matchAll(/\{ event: '([^']+)'/g)].map(
      ([, event]) => event!,
    );
    const rows = rowsOf('docs/operations.md', 'Events');
    expect(rows.map(([event]) => name(event)).sort()).toEqual([...declared].sort());
    const levels = rows.map(([event, level]) => [name(event), level!.split(/[ ,]/)[0]]);
    expect(levels).toEqual(levels.map(([event]) => [event, levelOf({ event } as OutboxEvent)]));
  });

  it('of metrics have every instrument, with its labels', () => {
    const expected = Object.values<Instrument>(INSTRUMENTS).map((instrument) => [
      `\`${prometheusName(instrument)}\``,
      instrument.kind,
      instrument.labels.map((label) => `\`${prometheusLabel(label)}\``).join(', ') || '–',
      instrument.help,
    ]);
    expect(rowsOf('docs/operations.md', 'Metrics')).toEqual(expected);
  });

  it('of codes have every reason for parking and for being unprocessable', () => {
    const codesOf = (file: string, type: string): string[] =>
      [...new RegExp(`export type ${type} =\\s+([^;]+);`).exec(read(file))![1]!.matchAll(/'(\w+)'/g)].map(
        ([, code]) => code!,
      );
    const codes = [
      ...codesOf(`${library}/message/delivery.ts`, 'ParkCode'),
      ...codesOf(`${library}/message/receipt.ts`, 'UnprocessableCode'),
    ];
    expect(codes.filter((code) => !operations.includes(`\`${code}\``))).toEqual([]);
  });

  it('of errors have every error that is exported, with its code', () => {
    const declared = [
      ...read(`${library}/errors.ts`).matchAll(/class (\w+) extends OutboxError \{\s+readonly code = '(\w+)'/g),
    ].map(([, error, code]) => `${error} ${code}`);
    const rows = rowsOf(join('libs', 'outbox', 'README.md'), 'Errors').map(
      ([error, code]) => `${name(error)} ${name(code)}`,
    );
    expect(rows.sort()).toEqual(declared.sort());
    const exported = read(`${library}/index.ts`);
    expect(declared.filter((error) => !exported.includes(`  ${error.split(' ')[0]},`))).toEqual([]);
  });
});
