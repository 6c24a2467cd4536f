import { Column, Entity, PrimaryColumn } from 'typeorm';

/** How much there is of a product. */
@Entity('stock')
export class Stock {
  @PrimaryColumn('varchar', { primaryKeyConstraintName: 'stock_pk' })
  sku!: string;

  @Column('integer')
  quantity!: number;
}
