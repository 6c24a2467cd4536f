import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectTestRabbit } from '@tallystick/services';
import { compose, exampleEnvironment } from './compose';

/** Needs a broker on which we may create users; one that was given to us by AMQP_URL is left as it is. */
export const canAddBrokerUsers = (): boolean => connectTestRabbit().supportsFaults;

/**
 * Gives the services of docker-compose.yml the users and permissions that they have there, on this virtual host.
 * @returns where each service logs in, password included
 */
export async function usersOfCompose(broker: string): Promise<{ user: string; order: string }> {
  const { configs, services } = compose(exampleEnvironment());
  const definitions = JSON.parse(configs['rabbitmq-definitions']!.content) as { permissions: object[] };
  const vhost = decodeURIComponent(new URL(broker).pathname.slice(1));
  const here = {
    ...definitions,
    vhosts: [],
    permissions: definitions.permissions.map((each) => ({ ...each, vhost })),
  };
  const directory = await mkdtemp(join(tmpdir(), 'definitions-'));
  try {
    await writeFile(join(directory, 'definitions.json'), JSON.stringify(here));
    await connectTestRabbit().ctl('import_definitions', join(directory, 'definitions.json'));
  } finally {
    await rm(directory, { recursive: true });
  }
  const logIn = (service: string): string => {
    const { username, password } = new URL(services[service]!.environment!.AMQP_URL!);
    return Object.assign(new URL(broker), { username, password }).href;
  };
  return { user: logIn('user-service'), order: logIn('order-service') };
}
