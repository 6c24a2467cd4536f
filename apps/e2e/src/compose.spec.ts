import { compose, exampleEnvironment, readFromRoot } from './compose';

describe('docker-compose.yml', () => {
  const example = exampleEnvironment();
  const { configs, networks, services, volumes } = compose(example);
  const passwords = Object.keys(example).filter((name) => name.endsWith('_PASSWORD'));

  it.each(passwords)('cannot be used without %s', (name) => {
    expect(() => compose({ ...example, [name]: '' })).toThrow(name);
  });

  it('holds no password itself', () => {
    const text = readFromRoot('docker-compose.yml');
    for (const [name, value] of Object.entries(example))
      if (passwords.includes(name)) expect(text).not.toContain(value);
  });

  it.each(Object.keys(services))(
    '%s is healthy before anybody depends on it, and reached from this host only',
    (name) => {
      expect(services[name]!.healthcheck!.test.length).toBeGreaterThan(1);
      for (const { condition } of Object.values(services[name]!.depends_on ?? {}))
        expect(condition).toBe('service_healthy');
      for (const port of services[name]!.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/);
    },
  );

  it.each(['user', 'order'])('gives %s-service a database of its own, on a named volume', (side) => {
    const { environment, build } = services[`${side}-service`]!;
    const { hostname, pathname, username, password } = new URL(environment!.DATABASE_URL!);
    expect([hostname, pathname, username]).toEqual([`${side}-db`, `/${side}_service`, `${side}_service`]);
    const { SERVICE_ROLE, SERVICE_PASSWORD, POSTGRES_PASSWORD } = services[`${side}-db`]!.environment!;
    expect([SERVICE_ROLE, SERVICE_PASSWORD]).toEqual([username, password]);
    expect(POSTGRES_PASSWORD).not.toBe(password);
    expect(services[`${side}-db`]!.volumes![0]!.split(':')[0]).toBe(`${side}-db`);
    expect(volumes).toHaveProperty(`${side}-db`);
    expect(readFromRoot(build!.dockerfile)).toContain('\nUSER node\n');
  });

  it.each(['user', 'order'])('keeps the database of %s-service on a network that only the two are on', (side) => {
    const [own] = services[`${side}-db`]!.networks!;
    expect(services[`${side}-db`]!.networks).toHaveLength(1);
    expect(networks[own!]).toEqual({ internal: true });
    const there = Object.keys(services).filter((name) => services[name]!.networks!.includes(own!));
    expect(there).toEqual([`${side}-service`, `${side}-db`]);
  });

  it.each(['user-service', 'order-service'])('lets %s log in to the broker as itself', (service) => {
    const { users } = JSON.parse(configs['rabbitmq-definitions']!.content) as {
      users: { name: string; password: string }[];
    };
    const { username, password } = new URL(services[service]!.environment!.AMQP_URL!);
    expect(username).toBe(service);
    expect(users.find(({ name }) => name === service)!.password).toBe(password);
    expect(services[service]!.environment!.AMQP_CHECK_USERS).toBe('true');
  });
});
