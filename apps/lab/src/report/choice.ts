import type { Results } from '../experiments/all';
import { findProtocol } from '../protocols';
import type { Row } from './table';
import { whatIsTold } from './tables';

/** E: which one? Every reason is a figure of tables A to D. */
export function choiceTable({ happy, crashes, outages }: Results): Row[] {
  const waits = (protocol: string): string => {
    const rows = crashes.filter((row) => row.protocol === protocol && row.without === undefined);
    return `B: in ${rows.filter(({ bystander }) => bystander === 'waits').length} of ${rows.length} crashes others wait`;
  };
  const consistent = (protocol: string): string => {
    const rows = crashes.filter((row) => row.protocol === protocol && row.without === undefined);
    return `B: ${rows.filter(({ ending }) => ending === 'consistent').length} of ${rows.length} crashes end right`;
  };
  const told = (protocol: string, away: string): string => {
    const row = outages.find((each) => each.protocol === protocol && each.away === away && !each.without);
    return row ? `C: ${away} away, ${whatIsTold(row.told)}` : `C: ${away} away, not tried`;
  };
  const cost = (protocol: string): string => {
    const row = happy.find((each) => each.protocol === protocol);
    if (!row) return 'A: not measured';
    return `A: ${row.costs.commits.toFixed(1)} commits, ${row.costs.messages.toFixed(1)} messages, ${row.costs.calls.toFixed(1)} calls`;
  };
  return [
    {
      'what you need': 'the other service may be late, and may say no',
      choose: 'local-message-table',
      because: [
        consistent('local-message-table'),
        told('local-message-table', 'broker'),
        cost('local-message-table'),
      ].join('; '),
    },
    {
      'what you need': 'several steps, some of which cannot be undone',
      choose: 'saga',
      because: [consistent('saga'), told('saga', 'order-service'), cost('saga')].join('; '),
    },
    {
      'what you need': 'until it is decided, money is held and not gone; and nobody waits for a row',
      choose: 'tcc',
      because: [consistent('tcc'), waits('tcc'), cost('tcc'), told('tcc', 'order-service')].join('; '),
    },
    {
      'what you need': 'both databases are PostgreSQL, of one team, and nobody queues for one row',
      choose: 'two-phase-commit',
      because: [consistent('two-phase-commit'), waits('two-phase-commit'), cost('two-phase-commit')].join('; '),
    },
    {
      'what you need': 'the effect is where no row of ours can stand beside it, and whoever keeps it can be asked',
      choose: 'half-message',
      because: [consistent('half-message'), told('half-message', 'broker'), cost('half-message')].join('; '),
    },
    {
      'what you need': 'a third party that can be asked, and promises nothing',
      choose: 'best-effort-notification',
      because: [
        consistent('best-effort-notification'),
        cost('best-effort-notification'),
        `D: ${findProtocol('best-effort-notification').effort.handlers}`,
      ].join('; '),
    },
    {
      'what you need': 'none of it matters',
      choose: 'naive',
      because: [consistent('naive'), told('naive', 'broker')].join('; '),
    },
  ];
}
