import type { ContractClass } from '@tallystick/outbox';
import type { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { type Checks, declaredOn } from './checker.decorator';
import type { Checker } from './checks';
import { InvalidHalfMessageOptionsError } from './errors';

/**
 * The `@TransactionChecker` methods of the application, by type.
 * @throws InvalidHalfMessageOptionsError if two check the same type
 */
export function findCheckers(discovery: DiscoveryService, scanner: MetadataScanner): Map<string, Checker> {
  const found = new Map<string, Checker & { readonly where: string }>();
  for (const { instance } of [...discovery.getProviders(), ...discovery.getControllers()]) {
    if (typeof instance !== 'object' || instance === null) continue;
    const methods = instance as Record<string, unknown>;
    for (const name of scanner.getAllMethodNames(Object.getPrototypeOf(instance) as object)) {
      const method = methods[name];
      const declared = typeof method === 'function' ? declaredOn(method) : undefined;
      if (!declared) continue;
      const where = `${instance.constructor.name}.${name}`;
      const other = found.get(declared.type);
      if (other)
        throw new InvalidHalfMessageOptionsError([
          `'${declared.type}' is checked twice, by ${other.where} and ${where}: whose answer would count?`,
        ]);
      found.set(declared.type, {
        where,
        contract: declared.contract as ContractClass,
        check: (half) => (method as Checks).call(instance, half),
      });
    }
  }
  return found;
}
