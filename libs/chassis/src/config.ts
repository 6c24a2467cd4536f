import { ConfigModule, getConfigToken, registerAs } from '@nestjs/config';
import type { SigningKeys } from '@tallystick/outbox';
import { plainToInstance, Type } from 'class-transformer';
import {
  IsIn,
  IsInt,
  IsNotEmpty,
  IsOptional,
  IsString,
  Matches,
  Max,
  Min,
  ValidateBy,
  ValidateIf,
  validateSync,
} from 'class-validator';

/** host:port, with IPv6 hosts in brackets. */
const ADDRESS = /^(\[[0-9a-f:]+\]|[^\s:/@]+):\d{1,5}$/i;

/** `id:secret`, or several with commas between them. The library asks for 32 bytes of secret. */
const KEY_RING = /^[\w-]+:[^,]{32,}(,[\w-]+:[^,]{32,})*$/;

/** What both services read from the environment. A property is a variable, its initial value is the default. */
export class ServiceConfig {
  @IsIn(['development', 'test', 'production'])
  NODE_ENV = 'development';

  /** Loopback unless somebody decides otherwise: there is no authentication in front of the demo. */
  @IsString()
  @IsNotEmpty()
  HOST = '127.0.0.1';

  /** 0 lets the system choose; the line printed at start-up tells. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(65_535)
  PORT = 3000;

  @IsIn(['fatal', 'error', 'warn', 'log', 'debug', 'verbose'])
  LOG_LEVEL: 'fatal' | 'error' | 'warn' | 'log' | 'debug' | 'verbose' = 'warn';

  /** Its scheme says which kind of database it is. */
  @IsUrlWith('postgres:', 'postgresql:', 'mariadb:', 'mysql:')
  @IsChangedInProduction()
  DATABASE_URL!: string;

  @IsIn(['rabbitmq', 'direct'])
  TRANSPORT: 'rabbitmq' | 'direct' = 'rabbitmq';

  @ValidateIf(({ TRANSPORT }: ServiceConfig) => TRANSPORT === 'rabbitmq')
  @IsUrlWith('amqp:', 'amqps:')
  @IsNotGuestInProduction()
  @IsChangedInProduction()
  AMQP_URL!: string;

  /** True where every service logs in to the broker as a user of its own, named like the service. */
  @IsIn(['true', 'false'])
  AMQP_CHECK_USERS: 'true' | 'false' = 'false';

  /** Signs what it sends with the first key, and takes those signed with any. The same keys in both services. */
  @IsOptional()
  @Matches(KEY_RING, {
    message: '$property must be id:secret, with at least 32 characters of secret, or several with commas between them',
  })
  @IsChangedInProduction()
  SIGNING_KEYS?: string;

  /** For `rabbitMq({ user })`. */
  get brokerUser(): string | undefined {
    return this.AMQP_CHECK_USERS === 'true' ? decodeURIComponent(new URL(this.AMQP_URL).username) : undefined;
  }

  /** For `OutboxModule.forRoot({ signing })`. */
  get signing(): SigningKeys | undefined {
    if (this.SIGNING_KEYS === undefined) return undefined;
    const keys = this.SIGNING_KEYS.split(',').map((key) => key.split(/:(.*)/s, 2) as [id: string, secret: string]);
    return { sign: keys[0]![0], keys: Object.fromEntries(keys) };
  }
}

/** Injects the validated configuration of this process. */
export const SERVICE_CONFIG = getConfigToken('service');

/** Reads and checks the environment once, at boot, into an instance of `type`. */
export function configuration<C extends ServiceConfig>(type: new () => C): ReturnType<typeof ConfigModule.forRoot> {
  return ConfigModule.forRoot({
    isGlobal: true,
    ignoreEnvFile: true,
    load: [registerAs('service', () => readConfig(type))],
  });
}

/**
 * The validated configuration.
 * @throws Error that names every problem, and never a value: urls contain passwords
 */
export function readConfig<C extends ServiceConfig>(
  type: new () => C,
  environment: NodeJS.ProcessEnv = process.env,
): C {
  // Compose files and shells pass "not set" as an empty string.
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const config = plainToInstance(type, given, { exposeDefaultValues: true });
  const problems = validateSync(config, { whitelist: true }).flatMap(({ constraints }) =>
    Object.values(constraints ?? {}),
  );
  if (problems.length === 0) return config;
  throw new Error(
    `The environment does not configure this service:\n${problems.map((problem) => `- ${problem}`).join('\n')}`,
  );
}

/** For properties of a config that hold `host:port`. */
export function IsAddress(): PropertyDecorator {
  return Matches(ADDRESS, { message: '$property must be an address such as 127.0.0.1:4002' });
}

export function IsUrlWith(...protocols: string[]): PropertyDecorator {
  return ValidateBy({
    name: 'isUrlWith',
    validator: {
      validate: (value) =>
        typeof value === 'string' && URL.canParse(value) && protocols.includes(new URL(value).protocol),
      defaultMessage: () =>
        `$property must be a url that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
    },
  });
}

function IsNotGuestInProduction(): PropertyDecorator {
  return ValidateBy({
    name: 'isNotGuestInProduction',
    validator: {
      validate: (value, args) => (args!.object as ServiceConfig).NODE_ENV !== 'production' || !isGuest(String(value)),
      defaultMessage: () => '$property must not log in as guest in production: give each service a user of its own',
    },
  });
}

/** The secrets of .env.example are known to everybody. */
function IsChangedInProduction(): PropertyDecorator {
  return ValidateBy({
    name: 'isChangedInProduction',
    validator: {
      validate: (value, args) =>
        (args!.object as ServiceConfig).NODE_ENV !== 'production' || !String(value).includes('change-me-'),
      defaultMessage: () => '$property holds a secret of .env.example, which everybody knows: change it',
    },
  });
}

/** RabbitMQ's built-in account, also when it is only implied. */
function isGuest(url: string): boolean {
  return URL.canParse(url) && ['', 'guest'].includes(new URL(url).username);
}
