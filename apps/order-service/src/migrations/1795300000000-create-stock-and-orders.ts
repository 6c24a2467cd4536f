import { exactText, instant } from '@tallystick/chassis';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The checks repeat what the code promises, so that a mistake in the code is an error and not a negative stock. */
export class CreateStockAndOrders1795300000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      create table stock (
        sku ${exactText(queryRunner, 64)} not null,
        quantity integer not null,
        constraint stock_pk primary key (sku),
        constraint stock_quantity_not_negative check (quantity >= 0)
      )`);
    await queryRunner.query(`
      create table orders (
        id uuid not null,
        user_id uuid not null,
        sku ${exactText(queryRunner, 64)} not null,
        quantity integer not null,
        amount bigint not null,
        created_at ${instant(queryRunner)},
        constraint orders_pk primary key (id),
        constraint orders_stock_fk foreign key (sku) references stock (sku),
        constraint orders_quantity_positive check (quantity > 0),
        constraint orders_amount_positive check (amount > 0)
      )`);
    await queryRunner.query('create index orders_user_created on orders (user_id, created_at desc)');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table orders');
    await queryRunner.query('drop table stock');
  }
}
