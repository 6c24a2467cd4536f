import { TypeOrmModule } from '@nestjs/typeorm';
import { OUTBOX_MIGRATIONS } from '@tallystick/outbox';
import type { EntityTarget, ObjectLiteral } from 'typeorm';

/** What every example needs. `synchronize` makes the tables of the entities: for examples only. */
export const database = (...entities: EntityTarget<ObjectLiteral>[]) =>
  TypeOrmModule.forRoot({
    type: 'postgres',
    url: process.env.DATABASE_URL,
    entities: entities as Function[],
    synchronize: true,
    migrations: [...OUTBOX_MIGRATIONS],
    migrationsRun: true,
    connectTimeoutMS: 10_000,
  });
