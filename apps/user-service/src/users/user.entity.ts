import { safeInteger } from '@tallystick/chassis';
import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Somebody with an account. Money is whole cents. */
@Entity('users')
export class User {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'users_pk' })
  id!: string;

  @Column('varchar')
  name!: string;

  @Column('bigint', { transformer: safeInteger })
  balance!: number;
}
