import type { ButtonName, ClaimName, Obstacle, Station, StepName } from '../page/page';

type Say<Name extends string, Args extends readonly unknown[]> = Record<Name, (...args: Args) => string>;

interface PageTexts {
  readonly title: string;
  readonly skip: string;
  readonly language: string;
  readonly theme: string;
  readonly links: { readonly dashboard: string; readonly api: string };
  readonly up: string;
  readonly down: string;
  readonly live: string;
  readonly away: string;
  readonly loading: string;
  readonly transport: Record<'rabbitmq' | 'direct', string>;
  readonly flow: string;
  readonly stations: Record<Station, string>;
  readonly queueAway: string;
  readonly noMessages: string;
  readonly counters: Record<
    'purchases' | 'open' | 'completed' | 'refunded' | 'orders' | 'again' | 'requests' | 'receipts',
    string
  >;
  readonly invariants: string;
  readonly invariantsHint: string;
  readonly holds: string;
  readonly broken: string;
  readonly tables: string;
  readonly noRows: string;
  readonly break: string;
  readonly breakHint: string;
  readonly story: string;
  readonly expect: string;
  readonly running: string;
  readonly cameTrue: string;
  readonly didNot: string;
  readonly obstacles: Record<Obstacle, string>;
  readonly buttons: Record<ButtonName, { readonly label: string; readonly expect: string }>;
  readonly steps: Say<StepName, [count: number]>;
  readonly claims: Say<ClaimName, [first: number, second: number, money: (cents: number) => string]>;
}

export const PAGE_EN: PageTexts = {
  title: 'Two services, one purchase',
  skip: 'To the content',
  language: '中文',
  theme: 'Light / dark',
  links: { dashboard: 'Dashboard', api: 'API' },
  up: 'runs',
  down: 'is down',
  live: 'live',
  away: 'The databases or the demo do not answer. They are asked again.',
  loading: 'Loading …',
  transport: { rabbitmq: 'over RabbitMQ', direct: 'over direct calls' },
  flow: 'Where the latest messages are',
  stations: {
    recorded: 'recorded',
    sent: 'sent, undecided',
    decided: 'decided, receipt on its way',
    completed: 'completed',
    refunded: 'refunded',
    parked: 'waits for a person',
  },
  queueAway: 'does not answer',
  noMessages: 'No purchase yet. Press "Buy one".',
  counters: {
    purchases: 'Purchases',
    open: 'On their way',
    completed: 'Completed',
    refunded: 'Refunded',
    orders: 'Orders',
    again: 'Sent again',
    requests: 'In the queue of order-service',
    receipts: 'Receipts in the queue',
  },
  invariants: 'What holds at every moment',
  invariantsHint: 'Computed from both databases, twice a second while you look.',
  holds: 'holds',
  broken: 'broken',
  tables: 'The tables',
  noRows: 'No row yet.',
  break: 'Try it, break it',
  breakHint:
    'Each button says what to expect, does it with a customer and a shelf of its own, and then asks both databases whether it came true.',
  story: 'The story in the terminal breaks things itself. The buttons work when it is over.',
  expect: 'Expect',
  running: 'under way',
  cameTrue: 'It came true',
  didNot: 'It did not come true',
  obstacles: {
    noBroker:
      'Not with direct calls: user-service calls order-service itself, so there is no broker to stop, and nobody in between who could deliver a copy.',
    noLine: 'Not here: the demo does not get between a service and a broker with TLS.',
    noDatabaseLine: 'Not here: the demo does not get between order-service and this database (a socket, or sslmode).',
  },
  buttons: {
    buyOne: {
      label: 'Buy one',
      expect: 'The debit and the message commit together; order-service accepts; one order, paid once.',
    },
    buyHundred: {
      label: 'Buy a hundred',
      expect: 'A hundred messages go through the same three tables: a hundred orders, each paid once.',
    },
    sellOut: {
      label: 'Sell out',
      expect: 'Eight buy, and there are five pieces. Five orders; three are refused, and have all their money back.',
    },
    killOrder: {
      label: 'Kill order-service',
      expect:
        'SIGKILL while messages are on their way. user-service goes on selling; what it sells waits, and completes by itself when order-service is back.',
    },
    killUser: {
      label: 'Kill user-service',
      expect:
        'SIGKILL in the middle of forty purchases. Clients do not know whether theirs was made and send it again with the same key: each is made once, whatever had been committed. What the dead process had in hand is free again after its lease: 30 s.',
    },
    stopBroker: {
      label: 'Stop the broker',
      expect:
        'Purchases are taken all the same and wait in user-service’s own table. When the broker is back they go out. (A broker that the demo did not start is not stopped: both services are cut off from it.)',
    },
    loseReceipts: {
      label: 'Lose receipts for 10 s',
      expect:
        'Everything order-service says is swallowed. The orders exist, and no purchase is completed: nobody was told. Then the copies are answered from the inbox, and nothing is done twice.',
    },
    threeTimes: {
      label: 'Deliver everything three times',
      expect:
        'Two copies of each message and each receipt go beside the first. One inbox row, one order, one debit each.',
    },
    slow: {
      label: 'Slow consumer',
      expect:
        'Every answer of order-service’s database comes late. Buying stays quick, messages wait before order-service, and nothing is lost or done twice.',
    },
    pause: {
      label: 'Pause a consumer',
      expect:
        'As tallystick pause to:order-service does. Recording goes on, nothing is sent; after resume it all goes out. (Nothing is held before the relay has seen the pause.)',
    },
    cancel: {
      label: 'Cancel',
      expect:
        'One purchase has its order; three are held back and then cancelled, and so is the first. The consumer decides: the three are refunded and never become orders, the first is too late and stays.',
    },
  },
  steps: {
    opened: (count) => `a customer, and a shelf with ${count}`,
    bought: (count) => `${count} bought`,
    killed: () => 'SIGKILL',
    away: () => 'taken all the same',
    back: () => 'started again',
    brokerAway: () => 'the broker is away',
    brokerBack: () => 'the broker is back',
    muted: (count) => `what order-service says is swallowed for ${count} s`,
    cut: () => 'the line breaks; a new one works',
    copying: () => 'from now on two copies of everything',
    slow: (count) => `the database answers ${count} ms later, each way`,
    quick: () => 'quick again',
    paused: () => 'paused',
    held: (count) => `${count} are held back`,
    resumed: () => 'resumed',
    cancelling: (count) => `${count} asked to be given up`,
    settled: () => 'every purchase has come to its end',
  },
  claims: {
    allCompleted: (completed, asked) => `${completed} of ${asked} purchases completed`,
    oneOrderEach: (orders) => `${orders} orders and as many accepted messages: one for each completed purchase`,
    paidOnce: (paid, price, money) => `${money(paid)} left the account, ${money(price)} is what was completed`,
    soldOnce: (sold, ordered) => `${sold} pieces left the shelf, ${ordered} were ordered`,
    shelfEmpty: (completed, stocked) =>
      `${completed} completed with ${stocked} pieces on the shelf, which is empty now`,
    restRefunded: (refunded, expected) => `${refunded} of ${expected} refunded: OUT_OF_STOCK`,
    waited: (waiting, away) => `meanwhile ${waiting} waited, paid for and undecided; ${away} or more were to`,
    oncePerKey: (keys, purchases) => `${keys} keys, ${purchases} purchases`,
    unheard: (orders, completed) => `meanwhile ${orders} orders were there, and ${completed} purchases completed`,
    copied: (copies, rows) => `${copies} copies were delivered beside the first, ${rows} rows in the inbox`,
    backlog: (taken, waiting) => `when all ${taken} had been taken, ${waiting} were still undecided`,
    givenUp: (refunded, asked) => `${refunded} of ${asked} refunded: CANCELLED, and none of them is an order`,
    tooLate: (kept, early) => `${kept} of ${early} that had been completed before stayed so`,
  },
};

export type { PageTexts };
