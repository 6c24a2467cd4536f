import { type Books, readBooks } from '../observers/books';
import type { OutageTrial, Trial } from '../protocols/protocol';
import { money, signed } from '../report/table';
import type { Terminal } from '../report/terminal';
import { shelfOf, type World } from '../world/world';
import { describeTrial } from './all';
import { runCrash, type Spectator } from './crash';
import { runOutage } from './outage';
import type { CrashRow, OutageRow } from './rows';
import type { Side } from '../service/context';

/** One purchase, told in order: what was reached, what both databases hold meanwhile and in the end. */
export class Story {
  private told = 0;
  private began = Date.now();

  constructor(
    private readonly world: World,
    private readonly terminal: Terminal,
  ) {}

  /** Nothing goes wrong. */
  async purchase(rejected: boolean): Promise<void> {
    const customer = await this.world.newCustomer();
    this.open('One purchase, and nothing goes wrong');
    await this.world.buyToTheEnd(this.world.request(customer, rejected));
    await this.tellSteps();
    await this.tellBooks('In the end', customer, await readBooks(this.world, customer));
  }

  async crash(trial: Trial): Promise<CrashRow> {
    const { terminal, world } = this;
    const service = `${world.protocol.steps[trial.step]!.at}-service`;
    this.open(`One purchase, with ${service} ${describeTrial(trial)}`);
    const back = isDead(trial) ? `${service} is started again` : `${service} goes on${fateOf(trial)}`;
    const row = await runCrash(world, trial, this.spectator(service, back));
    terminal.say(
      row.recoveredMs === undefined
        ? '\nNobody repaired it, and nobody will.'
        : `\nAt rest by itself, ${row.recoveredMs} ms after the start.`,
    );
    return row;
  }

  async outage(trial: OutageTrial, awayMs: number): Promise<OutageRow> {
    const { away, without } = trial;
    const rule = without === undefined ? '' : `, without ${without}`;
    const what = away.endsWith('-service') ? away : `the ${away}`;
    this.open(`One purchase, while ${what} is away${rule}`);
    const row = await runOutage(this.world, trial, awayMs, this.spectator(what, 'It is back'));
    this.terminal.say(`\nThe shopper was told: ${row.told === 'nothing' ? 'an error' : row.told}.`);
    return row;
  }

  private spectator(hurt: string, back: string): Spectator {
    const { terminal } = this;
    return {
      hurt: async (customer, books, fate) => {
        await this.tellSteps();
        await this.tellBooks(`While ${hurt} is away`, customer, books);
        const others = fate === 'free' ? 'can buy' : 'has to wait: the row is locked, and nobody is there to let it go';
        terminal.say(`  somebody else who wants to buy from the same account: ${others}`);
        terminal.heading(back);
      },
      ended: async (customer, books) => {
        await this.tellSteps();
        await this.tellBooks('In the end', customer, books);
      },
    };
  }

  private open(title: string): void {
    const { title: name, idea } = this.world.protocol;
    this.terminal.heading(name);
    this.terminal.say(idea);
    this.terminal.heading(title);
    this.began = Date.now();
  }

  private async tellSteps(): Promise<void> {
    const entries = (await this.world.journal.entries()).slice(this.told);
    this.told += entries.length;
    for (const { at, side, step, action } of entries) {
      const time = `${at - this.began}`.padStart(6);
      const hurt = {
        die: '  ← killed here (SIGKILL, exit 137)',
        stop: '  ← stopped here (SIGSTOP)',
        hold: '  ← held up here',
        pass: '',
      };
      const when = this.world.protocol.steps[step]!.when;
      this.terminal.say(`${time} ms  ${`${side}-service`.padEnd(14)} ${step}: ${when}${action ? hurt[action] : ''}`);
    }
  }

  private async tellBooks(title: string, customer: number, books: Books): Promise<void> {
    const { terminal } = this;
    terminal.heading(`${title}, the two databases hold`);
    for (const side of ['user', 'order'] as const) {
      for (const line of await this.rowsOf(side, customer)) terminal.say(`  ${side.padEnd(5)}  ${line}`);
    }
    const { balance, frozen, ordered } = books;
    const held = frozen === 0 ? '' : ` + ${money(frozen)} frozen`;
    terminal.say(
      `  the sum: ${money(balance)} left${held} + ${money(ordered)} for orders: ${books.money === 0 ? 'right' : `off by ${signed(books.money)}`}`,
    );
    if (books.halfDone > 0) terminal.say(`  half done: ${books.halfDone} (pending, held or prepared)`);
  }

  private async rowsOf(side: Side, customer: number): Promise<string[]> {
    const own: Record<Side, [string, unknown[]][]> = {
      user: [
        ['select * from account where customer_id = $1', [customer]],
        ['select * from purchase where customer_id = $1', [customer]],
      ],
      order: [
        ['select * from stock where sku = $1', [shelfOf(customer)]],
        ['select * from orders where customer_id = $1', [customer]],
      ],
    };
    const queries = [...own[side], ...this.world.protocol.show[side].map((sql): [string, unknown[]] => [sql, []])];
    const lines: string[] = [];
    for (const [sql, values] of queries) {
      const name = /from (\w+)/.exec(sql)![1]!;
      const { rows } = await this.world.databases[side].query<Record<string, unknown>>(`${sql} -- lab`, values);
      if (rows.length === 0) lines.push(`${name}: no row`);
      for (const row of rows) lines.push(`${name}: ${describeRow(row)}`);
    }
    return lines;
  }
}

function isDead({ action, meanwhile }: Trial): boolean {
  return action === 'die' || meanwhile?.action === 'die';
}

function fateOf({ thenDies }: Trial): string {
  return thenDies === undefined ? '' : `; should it get to ${thenDies}, it is killed there, and started again`;
}

/** Long names say nothing to a reader. */
function describeRow(row: Readonly<Record<string, unknown>>): string {
  const shown = Object.entries(row).filter(([name]) => !['customer_id', 'sku'].includes(name));
  return shown
    .map(([name, value]) => {
      if (name === 'balance' || name === 'frozen' || name === 'amount') return `${name} ${money(Number(value))}`;
      const text = String(value);
      return `${name} ${/^[0-9a-f-]{36}/.test(text) ? `${text.slice(0, 8)}…${text.slice(36)}` : text}`;
    })
    .join(' · ');
}
