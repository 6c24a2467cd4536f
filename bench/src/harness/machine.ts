import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';

/** What the figures were measured on. */
export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryGiB: number;
  readonly os: string;
  readonly node: string;
  /** Of the one that was measured. */
  readonly postgres?: string;
  readonly mariadb?: string;
  readonly rabbitmq: string;
  /** Of the last minute, before the scenario began: what else was going on. */
  readonly loadBefore: number;
}

export function describeMachine(servers: Pick<Machine, 'postgres' | 'mariadb' | 'rabbitmq'>): Machine {
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    os: osName(),
    node: process.version,
    ...servers,
    loadBefore: loadavg()[0]!,
  };
}

function osName(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? process.platform;
  } catch {
    return process.platform;
  }
}
