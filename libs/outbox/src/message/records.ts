import type { ContractClass } from './contract';

/** Known to every copy of the library in the process: a package of services may bring its own. */
const RECORDS = Symbol.for('tallystick.records');

/** Notes on a method that it records messages of this contract. */
export function noteRecorded(method: object, contract: ContractClass): void {
  Reflect.defineMetadata(RECORDS, [...contractsRecordedBy(method), contract], method);
}

/** The contracts whose messages a method records, as far as decorators tell. */
export function contractsRecordedBy(method: object): readonly ContractClass[] {
  return (Reflect.getMetadata(RECORDS, method) as ContractClass[] | undefined) ?? [];
}
