import { Cleanup, freePort } from '@tallystick/services';
import { ServiceProcess, type ServiceName } from './service-process';

export interface ServicesOptions {
  databaseUrls: { user: string; order: string };
  /** A broker's url, or `direct` for calls without one. `AMQP_URL` may differ per service, as their users do. */
  transport: { amqpUrl: string | { user: string; order: string } } | 'direct';
  /** Of the first instance of each. @default free ones */
  ports?: { user?: number; order?: number };
  /** Instances of each; with `direct` there can be only one order-service. @default 1 */
  replicas?: { user?: number; order?: number };
  /** More environment variables, for both. */
  environment?: NodeJS.ProcessEnv;
}

/** Both services, as processes. `user` and `order` are the first instances. */
export class RunningServices {
  constructor(
    readonly users: readonly ServiceProcess[],
    readonly orders: readonly ServiceProcess[],
  ) {}

  get user(): ServiceProcess {
    return this.users[0]!;
  }

  get order(): ServiceProcess {
    return this.orders[0]!;
  }

  get all(): ServiceProcess[] {
    return [...this.users, ...this.orders];
  }

  /** Stops everything; what does not stop is killed. */
  async stop(): Promise<void> {
    const cleanup = new Cleanup();
    for (const each of this.all) cleanup.defer(() => each.stop());
    await cleanup.run();
  }
}

/** Starts both services and waits until all instances listen. If one does not, none is left running. */
export async function startServices(options: ServicesOptions): Promise<RunningServices> {
  const { databaseUrls, transport, ports = {}, replicas = {}, environment = {} } = options;
  const directAddress = `127.0.0.1:${await freePort()}`;
  const transportOf = (side: 'user' | 'order'): NodeJS.ProcessEnv =>
    transport === 'direct'
      ? { TRANSPORT: 'direct', ORDER_SERVICE_ADDRESS: directAddress, DIRECT_LISTEN: directAddress }
      : {
          TRANSPORT: 'rabbitmq',
          AMQP_URL: typeof transport.amqpUrl === 'string' ? transport.amqpUrl : transport.amqpUrl[side],
        };
  const instances = async (side: 'user' | 'order'): Promise<ServiceProcess[]> => {
    const service: ServiceName = `${side}-service`;
    const made: ServiceProcess[] = [];
    for (let index = 0; index < (replicas[side] ?? 1); index++) {
      const port = (index === 0 && ports[side]) || (await freePort());
      const own = { HOST: '127.0.0.1', PORT: String(port), DATABASE_URL: databaseUrls[side] };
      const env = { NODE_ENV: 'test', ...own, ...transportOf(side), ...environment };
      made.push(new ServiceProcess(service, `http://127.0.0.1:${port}`, env));
    }
    return made;
  };

  const services = new RunningServices(await instances('user'), await instances('order'));
  const started = await Promise.allSettled(services.all.map((each) => each.start()));
  const failed = started.find((result) => result.status === 'rejected');
  if (!failed) return services;
  await services.stop();
  throw failed.reason;
}
