import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { outboxSchemaSql } from '../libs/outbox/src';

/** The Chinese pages say what the English ones do, what the programs print, and what the tables are. */
const root = resolve(__dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const namesIn = (folder: string): string[] => readdirSync(join(root, folder)).filter((name) => name.endsWith('.md'));
const chapters = namesIn('docs/zh').filter((name) => /^\d\d-/.test(name));

interface Block {
  readonly language: string;
  readonly text: string;
}

function blocksOf(page: string): Block[] {
  return [...page.matchAll(/^```(\w*)\n([\s\S]*?)^```/gm)].map(([, language, text]) => ({
    language: language!,
    text: text!,
  }));
}

describe('README.zh-CN.md and README.md', () => {
  const [english, chinese] = [read('README.md'), read('README.zh-CN.md')];
  /** In the order of the page. A section that only one of the two pages has says so here. */
  const SECTIONS: readonly (readonly [english: string | undefined, chinese: string])[] = [
    ['The problem', '问题'],
    ['Run it', '运行'],
    ['The promise', '承诺'],
    ['How it works', '原理'],
    [undefined, '术语'],
    ['Use it in your app', '在你的应用里使用'],
    ['See it', '看得见'],
    ['How it compares', '横向对比'],
    ['How fast', '性能'],
    ['Map of the repository', '仓库地图'],
  ];
  const headings = (page: string): string[] => [...page.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading!);
  const section = (page: string, heading: string): string =>
    page.split(new RegExp(`^## ${heading}$`, 'm'))[1]!.split(/^## /m)[0]!;
  const pairs = SECTIONS.flatMap(([one, other]) => (one === undefined ? [] : [[one, other] as const]));

  it('have the same sections, in the same order', () => {
    expect(headings(english)).toEqual(pairs.map(([one]) => one));
    expect(headings(chinese)).toEqual(SECTIONS.map(([, other]) => other));
  });

  it.each(pairs)('have the same commands and the same code under %s / %s', (one, other) => {
    const code = (page: string): Block[] =>
      blocksOf(page)
        .filter(({ language }) => language === 'sh' || language === 'ts')
        .map(({ language, text }) => ({ language, text: text.replaceAll(/\s*(\/\/|#) .*$/gm, '') }));
    expect(code(section(chinese, other))).toEqual(code(section(english, one)));
  });

  it.each(pairs)('have the same tables under %s / %s', (one, other) => {
    const shape = (page: string): number[] =>
      page.split('\n').flatMap((line) => (line.startsWith('|') ? [line.split('|').length] : []));
    expect(shape(section(chinese, other))).toEqual(shape(section(english, one)));
  });

  it('lead to the same places', () => {
    const links = (page: string): string[] => [...page.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
    const own = new Set(['README.md', 'README.zh-CN.md']);
    const missing = links(english).filter((target) => !own.has(target) && !links(chinese).includes(target));
    expect(missing).toEqual([]);
  });

  it('name the same options of the library', () => {
    const options = (page: string): Set<string> =>
      new Set([...page.matchAll(/`([a-z][A-Za-z.]*)(?:\(|: )/g)].map(([, option]) => option!));
    expect([...options(english)].filter((option) => !options(chinese).has(option))).toEqual([]);
  });

  it('have the same generated tables', () => {
    const generated = (page: string): string => /<!-- roundtrip:start -->[\s\S]*<!-- roundtrip:end -->/.exec(page)![0];
    expect(generated(chinese)).toBe(generated(english));
  });
});

describe('docs/zh', () => {
  it('lists every chapter once', () => {
    const index = read('docs/zh/README.md').split('## 目录')[1]!.split('## ')[0]!;
    const pages = namesIn('docs/zh').filter((name) => name !== 'README.md');
    expect(pages.filter((name) => index.split(`](${name})`).length !== 2)).toEqual([]);
  });

  it('has one word for one thing', () => {
    // 消费端, 收件箱, 转人工, 补偿, 生产端 are said instead; 结算 and 处理器 mean other things to whom pays or computes.
    const retired = /消费方|收件表|搁置|浸泡|本地回滚|组合部署|结算|处理器|发送端|接收端/g;
    const pages = ['README.zh-CN.md', ...namesIn('docs/zh').map((name) => `docs/zh/${name}`)];
    const found = pages.flatMap((page) => (read(page).match(retired) ?? []).map((word) => `${page}: ${word}`));
    expect(found).toEqual([]);
  });

  it.each(chapters)('%s asks first, and answers when it is asked', (name) => {
    const page = read(`docs/zh/${name}`);
    const headings = [...page.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading!);
    const parts = ['先猜', '面试怎么答'];
    expect(parts.filter((part) => !headings.includes(part))).toEqual([]);
    expect(headings.indexOf('先猜')).toBeLessThan(headings.indexOf('面试怎么答'));
    const answers = page.split('## 面试怎么答')[1]!;
    expect(answers).toContain('<details>');
    expect(page.split('<details>').length).toBe(page.split('</details>').length);
  });

  it('shows of the lab what docs/lab shows, which is what it prints', () => {
    const shown = new Set(
      namesIn('docs/lab').flatMap((name) =>
        blocksOf(read(`docs/lab/${name}`)).flatMap(({ language, text }) => (language === 'console' ? [text] : [])),
      ),
    );
    const blocks = chapters.flatMap((name) =>
      blocksOf(read(`docs/zh/${name}`))
        .filter(({ language }) => language === 'console')
        .map(({ text }) => ({ name, command: text.split('\n')[0], known: shown.has(text) })),
    );
    expect(blocks.length).toBeGreaterThan(0);
    expect(blocks.filter(({ known }) => !known)).toEqual([]);
  });

  it('shows everything that docs/lab shows', () => {
    const consoles = (folder: string): string[] =>
      namesIn(folder).flatMap((name) =>
        blocksOf(read(`${folder}/${name}`)).flatMap(({ language, text }) =>
          language === 'console' ? [text.split('\n')[0]!] : [],
        ),
      );
    const chinese = new Set(consoles('docs/zh'));
    expect(consoles('docs/lab').filter((command) => !chinese.has(command))).toEqual([]);
  });

  it('shows every picture that docs/lab shows', () => {
    const pictures = (folder: string): string[] =>
      namesIn(folder).flatMap((name) =>
        [...read(`${folder}/${name}`).matchAll(/\]\((?:\.\.\/lab\/)?(pictures\/[^)]+)\)/g)].map(([, path]) => path!),
      );
    expect(pictures('docs/lab').length).toBeGreaterThan(0);
    expect(pictures('docs/zh').sort()).toEqual(pictures('docs/lab').sort());
  });

  it('03 shows the code that is run', () => {
    const code = read('apps/lab/src/by-hand/outbox.ts');
    const blocks = blocksOf(read('docs/zh/03-by-hand.md')).filter(({ language }) => language === 'typescript');
    expect(blocks.length).toBeGreaterThan(3);
    expect(blocks.filter(({ text }) => !code.includes(text))).toEqual([]);
  });

  it('interview has forty questions, each with code to read and a command to run', () => {
    const answers = [...read('docs/zh/interview.md').matchAll(/<summary>(\d+)\. ([\s\S]*?)<\/details>/g)];
    expect(answers.map(([, number]) => Number(number))).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
    const incomplete = answers.filter(([, , text]) => !/代码：.*\]\(/.test(text!) || !/跑：`(npm|npx) /.test(text!));
    expect(incomplete.map(([, number]) => number)).toEqual([]);
  });
});

describe('docs/zh/02-message-table.md', () => {
  const page = read('docs/zh/02-message-table.md');
  const tables = new Map(
    [...outboxSchemaSql().matchAll(/create table if not exists "(\w+)" \(\n([\s\S]*?)\n\)/g)].map(([, table, body]) => [
      table!,
      [...body!.matchAll(/^ {2}(?!constraint)(\w+) (\w+(?:\(\d+\))?)/gm)].map(
        ([, column, type]) => `${column} ${type}`,
      ),
    ]),
  );

  it('speaks of every table there is', () => {
    expect(tables.size).toBeGreaterThan(3);
    expect(
      [...tables.keys()].filter((table) => !page.includes(`\`${table}\``) && !page.includes(`### ${table}：`)),
    ).toEqual([]);
  });

  /** Printed into the page with FIX_LINKS, as line numbers are. */
  it('prints the statements as they are', () => {
    const shown = ['outbox_message', 'outbox_delivery', 'inbox_message'];
    const isShown = (statement: string): boolean =>
      shown.some(
        (table) =>
          statement.startsWith(`create table if not exists "${table}"`) || statement.includes(`\n  on "${table}" (`),
      );
    const statements = outboxSchemaSql().trimEnd().replace(/;$/, '').split(';\n\n').filter(isShown);
    const printed = `<!-- ddl:start -->\n\n\`\`\`sql\n${statements.join(';\n\n')};\n\`\`\`\n\n<!-- ddl:end -->`;
    const path = join(root, 'docs/zh/02-message-table.md');
    const fixed = page.replace(/<!-- ddl:start -->[\s\S]*<!-- ddl:end -->/, () => printed);
    if (process.env.FIX_LINKS && fixed !== page) writeFileSync(path, fixed);
    expect(readFileSync(path, 'utf8')).toContain(printed);
  });

  it.each(['outbox_message', 'outbox_delivery', 'inbox_message'])('explains every column of %s, in order', (table) => {
    const section = page.split(new RegExp(`^### ${table}：`, 'm'))[1]!.split(/^##/m)[0]!;
    const explained = [...section.matchAll(/^\| `(\w+)` \| ([^|]+) \|/gm)].map(
      ([, column, type]) => `${column} ${type!.trim()}`,
    );
    expect(explained).toEqual(tables.get(table));
  });
});
