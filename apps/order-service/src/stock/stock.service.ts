import { Injectable, NotFoundException } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { MoreThanOrEqual, type Repository } from 'typeorm';
import { Stock } from './stock.entity';

/** What there is to sell. Like the accounts of user-service, it knows nothing about messages. */
@Injectable()
export class StockService {
  constructor(@InjectRepository(Stock) private readonly stock: Repository<Stock>) {}

  async set(sku: string, quantity: number): Promise<Stock> {
    await this.stock.upsert({ sku, quantity }, ['sku']);
    return { sku, quantity };
  }

  async get(sku: string): Promise<Stock> {
    const stock = await this.find(sku);
    if (!stock) throw new NotFoundException(`There is no product ${sku}.`);
    return stock;
  }

  find(sku: string): Promise<Stock | null> {
    return this.stock.findOneBy({ sku });
  }

  /** Takes the quantity out of the stock, if there is enough. One conditional UPDATE: the last piece is sold once. */
  async take(sku: string, quantity: number): Promise<boolean> {
    const { affected } = await this.stock.decrement({ sku, quantity: MoreThanOrEqual(quantity) }, 'quantity', quantity);
    return affected === 1;
  }
}
