/** What is to be looked at when a statement is sent, and when it is answered. */
export interface Said {
  /** The step that begins, or is about to be written. */
  readonly before?: string;
  /** The step that is done, and how many rows it was about. */
  readonly after?: { readonly step: string; readonly rows: number };
  /** The steps of the transaction, with this one. */
  readonly done: ReadonlySet<string>;
}

/** Of a row of a key in order, as it is written: the key, the number, the state. */
const IN_LINE = /'[0-9a-f]{64}', \d+, '[a-z]+'/;

/**
 * What one connection to MariaDB says, told as the steps of a message. The statements have names for what they do to rows;
 * which step it is, follows from those before it in the same transaction.
 */
export class Transcript {
  private statements: string[] = [];
  private steps = new Set<string>();
  /** Is it a transaction of the library's own? Else it is the application's. */
  private own = false;
  /** How many messages this transaction looks up together. */
  private looks = 0;

  /** @param name of a statement that is about to be sent */
  say(name: string, text: string): Said {
    if (name === 'begin' || name === 'outbox.begin') this.begin(name);
    const statement = name === 'outbox.lock' && text.includes(' skip locked ') ? 'outbox.lock-skipping' : name;
    if (name === 'inbox.look') this.looks = text.split('union all').length;
    this.statements.push(statement);
    return this.own ? this.inOwn(statement, text) : this.inTheirs(statement);
  }

  private begin(name: string): void {
    this.own = name === 'outbox.begin';
    this.statements = [];
    this.steps = new Set();
    this.looks = 0;
  }

  /** A transaction of the library is one step. */
  private inOwn(statement: string, text: string): Said {
    if (statement === 'outbox.commit') {
      this.own = false;
      const [step] = this.steps;
      return { done: this.steps, ...(step !== undefined && { after: { step, rows: this.rowsOf(step) } }) };
    }
    const isLook = statement === 'outbox.read' && this.statements.length === 2;
    const step = isLook ? 'outbox.next-turn' : this.steps.size === 0 ? this.stepThatWrites(statement, text) : undefined;
    if (step === undefined) return { done: this.steps };
    this.steps.add(step);
    return { before: step, done: this.steps };
  }

  private stepThatWrites(statement: string, text: string): string | undefined {
    switch (statement) {
      case 'inbox.insert':
        return 'inbox.reject';
      case 'inbox.delete':
        return 'inbox.prune';
      case 'outbox.delete-messages':
        return 'outbox.prune';
      case 'outbox.write':
        if (this.has('outbox.due') || this.has('outbox.due-to-others')) return 'outbox.claim';
        if (this.has('outbox.deliveries-of')) return 'outbox.discard';
        if (!this.has('outbox.lock-skipping')) return undefined; // of one row, by what was said about it
        if (!this.has('outbox.messages')) return 'outbox.mark';
        return IN_LINE.test(text) ? 'outbox.close-and-take' : 'outbox.close-many';
      default:
        return undefined;
    }
  }

  /** What is closed and what is taken are two writes; and a look may find nobody. */
  private rowsOf(step: string): number {
    const writes = this.statements.filter((each) => each === 'outbox.write').length;
    return ['outbox.close-and-take', 'outbox.next-turn'].includes(step) ? writes : 1;
  }

  /** The steps of a transaction of the application are statements, but for a close; those of a batch are together when the last is there. */
  private inTheirs(statement: string): Said {
    const step = this.stepOf(statement);
    this.steps.add(step);
    const rows = step === 'inbox.begin-many' && this.count(statement) === this.looks ? this.looks : 1;
    return { before: step, after: { step, rows }, done: new Set(this.steps) };
  }

  private stepOf(statement: string): string {
    switch (statement) {
      case 'outbox.add-deliveries':
        return this.has('outbox.draw') ? 'outbox.add-ordered' : 'outbox.add-many';
      case 'inbox.insert':
        return this.looks > 1 ? 'inbox.begin-many' : 'inbox.begin';
      case 'outbox.write':
        return this.has('outbox.lock') && this.has('outbox.messages') ? 'outbox.close' : statement;
      default:
        return statement;
    }
  }

  private has(statement: string): boolean {
    return this.statements.includes(statement);
  }

  private count(statement: string): number {
    return this.statements.filter((each) => each === statement).length;
  }
}
