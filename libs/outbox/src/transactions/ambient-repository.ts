import type { EntityTarget, ObjectLiteral, Repository } from 'typeorm';
import type { Transactions } from './transactions';

/**
 * A repository that can be injected once and always works in the transaction of the call that uses it: its `manager` is
 * looked up on every access. Everything else is TypeORM's own repository (a TreeRepository for trees).
 */
export function ambientRepository<Entity extends ObjectLiteral>(
  transactions: Transactions,
  entity: EntityTarget<Entity>,
): Repository<Entity> {
  const { dataSource } = transactions;
  const isTree = dataSource.getMetadata(entity).treeType !== undefined;
  const fixed = isTree ? dataSource.getTreeRepository(entity) : dataSource.getRepository(entity);
  return Object.create(fixed, {
    manager: { get: () => transactions.manager() },
    extend: { value: extendWithoutCopyingTheManager },
  }) as Repository<Entity>;
}

/** TypeORM's own `extend` would keep the manager of the moment. */
function extendWithoutCopyingTheManager<Base extends object, Customs>(this: Base, customs: Customs): Base & Customs {
  return Object.assign(Object.create(this) as Base, customs);
}
