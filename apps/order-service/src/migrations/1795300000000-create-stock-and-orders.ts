import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The checks repeat what the code promises, so that a mistake in the code is an error and not a negative stock. */
export class CreateStockAndOrders1795300000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      create table stock (
        sku varchar(64) constraint stock_pk primary key,
        quantity integer not null constraint stock_quantity_not_negative check (quantity >= 0)
      )`);
    await queryRunner.query(`
      create table orders (
        id uuid constraint orders_pk primary key,
        user_id uuid not null,
        sku varchar(64) not null constraint orders_stock_fk references stock,
        quantity integer not null constraint orders_quantity_positive check (quantity > 0),
        amount bigint not null constraint orders_amount_positive check (amount > 0),
        created_at timestamptz not null default now()
      )`);
    await queryRunner.query('create index orders_user_created on orders (user_id, created_at desc)');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table orders');
    await queryRunner.query('drop table stock');
  }
}
