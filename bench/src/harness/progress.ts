/** Where the run stands: on stderr, because stdout is for results. */
export class Progress {
  private readonly began = performance.now();

  constructor(private readonly quiet = false) {}

  line(text: string): void {
    if (this.quiet) return;
    const seconds = ((performance.now() - this.began) / 1000).toFixed(0).padStart(4);
    process.stderr.write(`${seconds} s  ${text}\n`);
  }
}
