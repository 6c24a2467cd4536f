import type { DirectOptions, Duration, OutboxModuleOptions, RabbitMqOptions } from '@tallystick/outbox';

/** What a rig may change about the library: options that are JSON. The same for producer and consumer. */
export interface RigSettings {
  readonly outbox?: Omit<OutboxModuleOptions, 'service' | 'transport' | 'transactionHost' | 'onAlarm'>;
  readonly rabbitMq?: Omit<RabbitMqOptions, 'url' | 'tls'>;
  readonly direct?: Pick<DirectOptions, 'timeout' | 'window'>;
  /** Of every purchase. @default none */
  readonly deadline?: Duration;
  /** Each side checks users, and logs in as the one of its url. @default false */
  readonly checkUsers?: boolean;
  /** @default 'warn', where the library's alarms are */
  readonly logLevel?: 'fatal' | 'error' | 'warn' | 'log' | 'debug' | 'verbose';
}

/** Times so short that what takes minutes in production takes seconds in a drill; in the same proportions. */
const QUICK = {
  outbox: {
    lease: '5s',
    backoff: { first: 100, max: '1s' },
    receiptWait: { first: '1s', max: '4s' },
    handlerTimeout: '10s',
    pollInterval: 100,
  },
  rabbitMq: { publishTimeout: '2s', heartbeatSeconds: 2 },
  direct: { timeout: '1s' },
} satisfies RigSettings;

const VARIABLE = 'RIG_SETTINGS';

/** For the processes: read once, because decorators need it as well. */
export const rigSettings = readSettings(process.env);

export function settingsVariable(settings: RigSettings): NodeJS.ProcessEnv {
  const merged = {
    ...settings,
    outbox: { ...QUICK.outbox, ...settings.outbox },
    rabbitMq: { ...QUICK.rabbitMq, ...settings.rabbitMq },
    direct: { ...QUICK.direct, ...settings.direct },
  };
  return { [VARIABLE]: JSON.stringify(merged) };
}

function readSettings(environment: NodeJS.ProcessEnv): RigSettings {
  return JSON.parse(environment[VARIABLE] ?? '{}') as RigSettings;
}
