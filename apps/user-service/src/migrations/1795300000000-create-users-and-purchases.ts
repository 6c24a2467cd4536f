import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The checks repeat what the code promises, so that a mistake in the code is an error and not a wrong balance. */
export class CreateUsersAndPurchases1795300000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      create table users (
        id uuid constraint users_pk primary key,
        name varchar(100) not null,
        balance bigint not null constraint users_balance_not_negative check (balance >= 0)
      )`);
    await queryRunner.query(`
      create table purchases (
        id uuid constraint purchases_pk primary key,
        user_id uuid not null constraint purchases_user_fk references users,
        idempotency_key varchar(255),
        sku varchar(64) not null,
        quantity integer not null constraint purchases_quantity_positive check (quantity > 0),
        amount bigint not null constraint purchases_amount_positive check (amount > 0),
        status varchar(16) not null
          constraint purchases_status_known check (status in ('pending', 'completed', 'refunded')),
        message_id uuid not null constraint purchases_message_unique unique,
        order_id uuid,
        reason text,
        created_at timestamptz not null default now(),
        constraint purchases_idempotency_key_unique unique (user_id, idempotency_key),
        constraint purchases_completed_has_order check ((status = 'completed') = (order_id is not null)),
        constraint purchases_refunded_has_reason check ((status = 'refunded') = (reason is not null))
      )`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table purchases');
    await queryRunner.query('drop table users');
  }
}
