import { exactText, instant } from '@tallystick/chassis';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The checks repeat what the code promises, so that a mistake in the code is an error and not a wrong balance. */
export class CreateUsersAndPurchases1795300000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      create table users (
        id uuid not null,
        name varchar(100) not null,
        balance bigint not null,
        constraint users_pk primary key (id),
        constraint users_balance_not_negative check (balance >= 0)
      )`);
    await queryRunner.query(`
      create table purchases (
        id uuid not null,
        user_id uuid not null,
        idempotency_key ${exactText(queryRunner, 255)},
        sku ${exactText(queryRunner, 64)} not null,
        quantity integer not null,
        amount bigint not null,
        status varchar(16) not null,
        message_id uuid not null,
        order_id uuid,
        reason text,
        created_at ${instant(queryRunner)},
        constraint purchases_pk primary key (id),
        constraint purchases_user_fk foreign key (user_id) references users (id),
        constraint purchases_quantity_positive check (quantity > 0),
        constraint purchases_amount_positive check (amount > 0),
        constraint purchases_status_known check (status in ('pending', 'completed', 'refunded')),
        constraint purchases_message_unique unique (message_id),
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
