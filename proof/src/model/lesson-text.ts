/** The words that the page of rules uses. */
export const WORDS: readonly (readonly [word: string, meaning: string])[] = [
  [
    'delivery',
    'the progress of one message towards one consumer: a row in `outbox_delivery`, written with the business.',
  ],
  [
    'relay',
    'whoever publishes what is due; each process has one. The *recorder* is the process that wrote the row: it hands it to its own relay in memory.',
  ],
  [
    'lease',
    'a row that somebody works on is due again in 30 seconds (`next_at`), and carries a token. If he dies, it is simply due.',
  ],
  ['inbox', 'one row per message that the consumer has decided: in `inbox_message`, with the verdict.'],
  ['verdict', 'the final answer: *accepted* or *rejected*. A handler that fails has given none.'],
  ['receipt', 'what carries the verdict back; the broker may lose or repeat it like everything else.'],
  ['follow-up', 'what the sender does about a verdict: `@OnAccepted`, or `@Compensate` (the refund).'],
  ['CANCEL', 'the request to give a message up; it may overtake its message.'],
  ['horizon', 'the age (14 days) beyond which a message without an inbox row is not executed any more.'],
];

export interface Lesson {
  readonly title: string;
  readonly says: string;
  readonly rules: readonly {
    readonly id: string;
    readonly why: string;
    /** The removal that is shown; absent where arithmetic is. */
    readonly example?: string;
  }[];
}

/** All rules, the most important first. */
export const LESSONS: readonly Lesson[] = [
  {
    title: 'Without these there is no outbox',
    says: 'Four rules. Whoever writes an outbox by hand has these, or loses money on the first bad day.',
    rules: [
      {
        id: 'R10',
        example: 'R10',
        why: 'The debit and the message are written in **one** transaction. Between two there is always a moment to die in, and then nobody remembers that there was something to send.',
      },
      {
        id: 'R11',
        example: 'R11',
        why: 'The broker\u2019s confirm is not the end. A message is sent again until its verdict is here: a copy that was lost, a receipt that was lost and a consumer that is slow look the same from here.',
      },
      {
        id: 'R2',
        example: 'R2',
        why: 'What is sent again arrives twice. So the consumer has a unique key per message, and inserts it *before* it does anything: a second copy waits there, and then knows.',
      },
      {
        id: 'R3',
        example: 'R3',
        why: 'That row, the work and the verdict commit **together**. A key that is written before or after the work is wrong as soon as somebody dies in between.',
      },
    ],
  },
  {
    title: 'Without these somebody has the goods and the refund, or waits for ever',
    says: 'Six rules about answers. Most hand-written ones lack several of them, and it takes a bad week to notice.',
    rules: [
      {
        id: 'R5',
        example: 'R5',
        why: 'A copy is not only dropped, it is *answered*, with the verdict that is stored. Otherwise a receipt that was lost is lost for good.',
      },
      {
        id: 'R4',
        example: 'R4',
        why: 'A no is stored like a yes. If it is only thrown, the next copy runs the handler again, and by then the shelf may be full.',
      },
      {
        id: 'R12',
        example: 'R12',
        why: 'A handler that failed (no connection, a bug) has decided nothing: everything is rolled back and the message comes again. Taken for a no, it refunds what succeeds a moment later.',
      },
      {
        id: 'R6',
        example: 'R6',
        why: 'Receipts come twice, too. A verdict is applied by a conditional update to a row that is still open, and who finds none does nothing.',
      },
      {
        id: 'R7',
        example: 'R7',
        why: 'The refund and the end of the row commit together. One after the other, and the refund is made again when somebody dies in between.',
      },
      {
        id: 'R8',
        example: 'R8',
        why: 'No answer is not a no. Past its deadline a message is not refunded: its consumer is *asked* to give it up, stores that as its verdict, and answers. Whoever inserts the inbox row first, the message or the CANCEL, decides.',
      },
    ],
  },
  {
    title: 'Without these it goes wrong rarely, and at night',
    says: 'Six rules for several processes, deployments, pauses and time.',
    rules: [
      {
        id: 'R15',
        example: 'R15',
        why: 'The way from commit to relay is short because it is in memory. It may be taken only by what *surely* committed: COMMIT was acknowledged, and no savepoint took the row along.',
      },
      {
        id: 'R1',
        example: 'R1',
        why: 'A process may sleep between any two of its steps, and wake up when others have gone on. So every mark names the lease it acts on and the states it may leave, and otherwise changes nothing.',
      },
      {
        id: 'R13',
        example: 'R13a',
        why: 'During a deployment there are processes without the refund\u2019s code. The *service* knows which follow-ups it has, and a process that lacks one stores the verdict and leaves the rest to one that has it.',
      },
      {
        id: 'R14',
        example: 'R14c',
        why: 'The consumer asks in one order: a row? too old? a CANCEL? a handler, a valid payload? Only then it works. So neither a removed handler nor a new contract can change what was decided, or keep a CANCEL from its answer.',
      },
      {
        id: 'R9',
        example: 'R9',
        why: 'Inbox rows cannot be kept for ever, copies may turn up at any time. So a message that is too old and has no row is not executed, and rows are kept longer than that.',
      },
      {
        id: 'R16',
        why: 'Whoever has little of his lease left does not publish: another one will have taken the row meanwhile. In a burst this is the difference between a queue that drains and duplicates that make duplicates.',
      },
    ],
  },
];
