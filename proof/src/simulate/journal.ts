/** The event log of one run: what a person reads to understand a failing seed. Ids become short names, times seconds. */
export class Journal {
  readonly lines: string[] = [];
  private readonly names = new Map<string, string>();
  private strangers = 0;

  constructor(
    private readonly now: () => number,
    /** Without it nothing is written: most seeds need no story. */
    private readonly enabled: boolean,
  ) {}

  /** From now on the id is shown as `name`. */
  name(id: string, name: string): void {
    this.names.set(id, name);
  }

  /** The text with the names of ids that have one. */
  named(text: string): string {
    return text.replace(UUID, (id) => this.names.get(id) ?? id);
  }

  write(who: string, what: string): void {
    if (!this.enabled) return;
    const seconds = (this.now() / 1000).toFixed(3).padStart(9);
    const text = what.replace(UUID, (id) => this.nameOf(id));
    this.lines.push(`${seconds}  ${who.padEnd(8)}  ${text}`);
  }

  /** Leases and announcements are named as they turn up. */
  private nameOf(id: string): string {
    const name = this.names.get(id) ?? `x${++this.strangers}`;
    this.names.set(id, name);
    return name;
  }
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
