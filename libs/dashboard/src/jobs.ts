import type { BulkJob, BulkWatch, OutboxOperations } from '@tallystick/outbox';
import type { BulkRequest } from './page';

/**
 * Bulk operations that somebody began here. They are worked off by this process, go on when whoever asked has left, and are
 * stopped with the service, between two deliveries: any process can go on with them.
 */
export class Jobs {
  private readonly stopping = new AbortController();
  private readonly working = new Set<Promise<void>>();

  /** @param onTrouble told of one that failed in the middle; it is there, abandoned, for whoever resumes it */
  constructor(
    private readonly operations: OutboxOperations,
    private readonly onTrouble: (error: unknown) => void,
  ) {}

  /** @returns the job as it began */
  begin({ verb, filter, ...more }: BulkRequest, by: string): Promise<BulkJob> {
    const { reason, deadline, force } = more;
    return this.begun((watch) =>
      this.operations.bulk(verb, filter, {
        ...watch,
        ...{ by, reason },
        ...(deadline !== undefined && { deadline: deadline as never }),
        ...(force !== undefined && { force }),
      }),
    );
  }

  resume(id: string, by: string): Promise<BulkJob> {
    return this.begun((watch) => this.operations.resumeJob(id, { ...watch, by }));
  }

  stop(id: string, by: string): Promise<BulkJob> {
    return this.operations.stopJob(id, { by });
  }

  /** Resolves when none of them changes anything any more. */
  async close(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.working);
  }

  private begun(work: (watch: BulkWatch) => Promise<BulkJob>): Promise<BulkJob> {
    return new Promise((resolve, reject) => {
      let fail = reject;
      const onStart = (job: BulkJob): void => {
        fail = this.onTrouble;
        resolve(job);
      };
      const working = work({ stop: this.stopping.signal, onStart })
        .then(resolve, (error: unknown) => fail(error))
        .finally(() => this.working.delete(working));
      this.working.add(working);
    });
  }
}
