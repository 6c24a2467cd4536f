import { Injectable, type OnModuleInit, Scope } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { STATIC_CONTEXT } from '@nestjs/core/injector/constants';
import type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper';
import { HandlersUnknownError, InvalidHandlerError } from '../errors';
import { contractOf, deadlineProblem, type MessageContract } from '../message/contract';
import { toMs } from '../message/duration';
import { contractsRecordedBy } from '../message/records';
import type { BoundFollowUp, BoundHandler, HandlerRegistry } from '../ports/handlers';
import type { Verdict } from '../message/receipt';
import { type Declared, declaredOn, describeRole } from './decorators';
import { concurrencyOf, optionsProblem, parameterProblem } from './handler-options';

type Method = (...args: unknown[]) => unknown;
type Singleton = Record<string, Method>;

export interface ExplorerOptions {
  readonly service: string;
  readonly handlerTimeoutMs: number;
  readonly horizonMs: number;
}

/**
 * Finds `@MessageHandler`, `@OnAccepted` and `@Compensate` on the application's providers and controllers, once, when
 * somebody first asks. That may be long before the application boots: in a hook of another module, or in a test that only
 * compiles. Before all providers exist it refuses, for it would miss those of factories, and fix for good what Nest does
 * not know yet of their scopes.
 *
 * One message type has one handler, and one follow-up per verdict: a second one would never be asked.
 */
@Injectable()
export class HandlerExplorer implements HandlerRegistry, OnModuleInit {
  private built = false;
  private explored = false;
  private readonly bound = new Map<string, BoundHandler>();
  private readonly follow = new Map<string, BoundFollowUp>();
  private readonly sends = new Set<MessageContract>();
  private readonly owners = new Map<string, { where: string; wrapper: InstanceWrapper }>();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly options: ExplorerOptions,
  ) {}

  /** Nest calls hooks only when every provider exists. */
  onModuleInit(): void {
    this.built = true;
  }

  handler(type: string): BoundHandler | undefined {
    this.explore();
    return this.bound.get(type);
  }

  handlers(): readonly BoundHandler[] {
    this.explore();
    return [...this.bound.values()];
  }

  followUp(type: string, verdict: Verdict): BoundFollowUp | undefined {
    this.explore();
    return this.follow.get(`${verdict} ${type}`);
  }

  followUps(): readonly BoundFollowUp[] {
    this.explore();
    return [...this.follow.values()];
  }

  /** What this service sends, as far as decorators tell: `@TransactionalMessage` and the follow-ups. */
  sent(): readonly MessageContract[] {
    this.explore();
    return [...this.sends];
  }

  /**
   * @throws HandlersUnknownError while Nest is creating providers
   * @throws InvalidHandlerError with everything that is wrong, not only the first
   */
  explore(): void {
    if (this.explored) return;
    this.refuseWhileBuilding();
    const { options } = this;
    const problems: string[] = [];
    for (const wrapper of [...this.discovery.getProviders(), ...this.discovery.getControllers()]) {
      const prototype = prototypeOf(wrapper);
      if (!prototype) continue;
      for (const name of this.scanner.getAllMethodNames(prototype)) {
        for (const declared of declaredOn(prototype[name] as Method)) {
          const where = `${prototype.constructor.name}.${name}`;
          const problem =
            this.problemOf(wrapper, declared, where, options) ?? this.bind(wrapper, name, declared, where, options);
          if (problem) problems.push(`${where}: ${problem}`);
        }
        for (const contract of contractsRecordedBy(prototype[name] as Method)) {
          try {
            this.sends.add(contractOf(contract));
          } catch (error) {
            problems.push(`${prototype.constructor.name}.${name}: ${(error as Error).message}`);
          }
        }
      }
    }
    for (const contract of this.sends) {
      const problem = deadlineProblem(contract, options.horizonMs);
      if (problem) problems.push(problem);
    }
    if (problems.length > 0) throw new InvalidHandlerError(problems);
    this.explored = true;
  }

  private refuseWhileBuilding(): void {
    if (this.built) return;
    const missing = this.discovery.getProviders().find((wrapper) => !exists(wrapper));
    if (missing) {
      throw new HandlersUnknownError(
        `Nest is still creating providers (${nameOf(missing)} does not exist yet), so the outbox cannot know which follow-ups ` +
          'a message will need. Nothing was recorded. Record it in onModuleInit, onApplicationBootstrap or later, not in a ' +
          'constructor or a provider factory.',
      );
    }
    this.built = true;
  }

  private problemOf(
    wrapper: InstanceWrapper,
    declared: Declared,
    where: string,
    { service }: ExplorerOptions,
  ): string | undefined {
    const { role, options, parameter } = declared;
    if (!wrapper.isDependencyTreeStatic())
      return 'its class is request-scoped (itself or through a dependency), and a message has no request. Make it a singleton.';
    if (wrapper.isTransient)
      return 'its class is transient, so each injection is another instance. Make it a singleton.';
    let contract: MessageContract;
    try {
      contract = contractOf(declared.contract);
    } catch (error) {
      return (error as Error).message;
    }
    if (role === 'handler' && contract.consumers.length > 0 && !contract.consumers.includes(service)) {
      return `'${contract.type}' is sent to ${contract.consumers.join(', ')}, not to '${service}': this handler would never be called. Is the service name right?`;
    }
    if (role !== 'handler' && contract.consumers.length === 0)
      return `'${contract.type}' is an announcement: nobody answers it, so ${describeRole(declared)} would never run.`;
    const wrong = optionsProblem(options) ?? (role === 'handler' ? parameterProblem(options, parameter) : undefined);
    if (wrong) return wrong;
    const twin = this.owners.get(`${role} ${contract.type}`);
    if (twin && !(twin.wrapper.instance === wrapper.instance && twin.where === where)) {
      return `'${contract.type}' already has a ${describeRole(declared)} in ${twin.where}. One message has one per service; call both from one method.`;
    }
    return undefined;
  }

  private bind(
    wrapper: InstanceWrapper,
    name: string,
    declared: Declared,
    where: string,
    { handlerTimeoutMs }: ExplorerOptions,
  ): undefined {
    const { role, contract, options } = declared;
    const found = contractOf(contract);
    const { type, consumers } = found;
    this.owners.set(`${role} ${type}`, { where, wrapper });
    // Through the instance, at the time of the call, so that spies and proxies around it are honoured.
    const call = async (what: object, context: unknown): Promise<unknown> =>
      (wrapper.instance as Singleton)[name]!(what, context);
    if (role === 'handler') {
      const timeoutMs = options.timeout === undefined ? handlerTimeoutMs : toMs(options.timeout)!;
      const kind = consumers.length > 0 ? 'request' : 'announcement';
      const { batch, groupCommit = 1 } = options;
      const sharing = batch === undefined ? { groupCommit } : { batch };
      const limits = { concurrency: concurrencyOf(options), ...sharing, timeoutMs };
      this.bound.set(type, { type, contract, kind, ...limits, where, handle: call });
    } else {
      this.sends.add(found);
      this.follow.set(`${role} ${type}`, { type, contract, verdict: role, where, run: call });
    }
  }
}

/** Only singletons count: of the others there is never *the* instance, and they may not handle messages. */
function exists(wrapper: InstanceWrapper): boolean {
  const { scope = Scope.DEFAULT } = wrapper;
  return scope !== Scope.DEFAULT || wrapper.getInstanceByContextId(STATIC_CONTEXT).isResolved === true;
}

function nameOf({ name }: InstanceWrapper): string {
  return typeof name === 'function' ? (name as { name: string }).name : String(name);
}

function prototypeOf(wrapper: InstanceWrapper): Singleton | undefined {
  if (wrapper.isAlias) return undefined;
  const { metatype, instance } = wrapper as { metatype: unknown; instance: unknown };
  // A provider with `inject` is a factory: its metatype is the factory function, and only the instance tells the class.
  const ownClass =
    typeof metatype === 'function' && !wrapper.inject ? (metatype.prototype as object | undefined) : undefined;
  const prototype =
    ownClass ??
    (typeof instance === 'object' && instance !== null
      ? (Object.getPrototypeOf(instance) as object | null)
      : undefined);
  return prototype && prototype !== Object.prototype ? (prototype as Singleton) : undefined;
}
