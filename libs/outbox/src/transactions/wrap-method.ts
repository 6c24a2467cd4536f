/** One call of a wrapped method. */
export interface MethodCall {
  readonly instance: object;
  /** `PurchasesService.purchase`, for error messages. */
  readonly name: string;
  readonly args: readonly unknown[];
  /** Calls the method itself. */
  proceed(): Promise<unknown>;
}

type AsyncMethod = (...args: never[]) => Promise<unknown>;

/** Generic in the method, so that any asynchronous one fits; a synchronous one does not compile. */
export type AsyncMethodDecorator = <Method extends AsyncMethod>(
  target: object,
  key: PropertyKey,
  descriptor: TypedPropertyDescriptor<Method>,
) => void;

/**
 * Lets `around` decide about every call of the decorated method. A Proxy keeps name, length and own properties;
 * Reflect metadata hangs on the function's identity and is copied, so decorators below this one keep working (those
 * above see the wrapped method anyway). Wrapping the instances later would be too late: Nest binds routes before
 * `onModuleInit`.
 */
export function wrapMethod(
  target: object,
  key: PropertyKey,
  descriptor: PropertyDescriptor,
  around: (call: MethodCall) => Promise<unknown>,
): void {
  if (typeof target === 'function' || typeof descriptor.value !== 'function') {
    const owner = typeof target === 'function' ? target.name : target.constructor.name;
    throw new TypeError(`${owner}.${String(key)} is not a method of the instances, only such can be transactional.`);
  }
  const method = descriptor.value as (...args: unknown[]) => Promise<unknown>;
  const wrapped = new Proxy(method, {
    apply: (_method, instance: object | undefined, args: unknown[]) =>
      around({
        instance: instance ?? {},
        name: `${instance?.constructor.name ?? target.constructor.name}.${String(key)}`,
        args,
        proceed: () => Reflect.apply(method, instance, args),
      }),
  });
  for (const metadataKey of Reflect.getOwnMetadataKeys(method)) {
    Reflect.defineMetadata(metadataKey, Reflect.getOwnMetadata(metadataKey, method), wrapped);
  }
  descriptor.value = wrapped;
}
