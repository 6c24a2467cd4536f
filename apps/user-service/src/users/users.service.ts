import { randomUUID } from 'node:crypto';
import { ConflictException, Injectable, NotFoundException } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { MoreThanOrEqual, type Repository } from 'typeorm';
import { User } from './user.entity';

/**
 * Accounts.
 *
 * What to notice: nothing here knows about messages. `debit` and `credit` take part in whatever transaction their
 * caller has open, because the injected repository follows it. Each is one conditional UPDATE: two purchases at the
 * same moment cannot both spend the last cent, and no balance is read, changed in memory and written back.
 */
@Injectable()
export class UsersService {
  constructor(@InjectRepository(User) private readonly users: Repository<User>) {}

  async create(name: string, balance: number): Promise<User> {
    const user = { id: randomUUID(), name, balance };
    await this.users.insert(user);
    return user;
  }

  async get(id: string): Promise<User> {
    const user = await this.users.findOneBy({ id });
    if (!user) throw new NotFoundException(`There is no user ${id}.`);
    return user;
  }

  /**
   * The account, for who is about to pay from it: others wait until the transaction ends. On MariaDB the insert of a purchase
   * locks its user for reading; two that both did, and then want to debit, would be a deadlock.
   */
  async hold(id: string): Promise<User> {
    const user = await this.users.findOne({ where: { id }, lock: { mode: 'pessimistic_write' } });
    if (!user) throw new NotFoundException(`There is no user ${id}.`);
    return user;
  }

  async debit(id: string, amount: number): Promise<void> {
    const { affected } = await this.users.decrement({ id, balance: MoreThanOrEqual(amount) }, 'balance', amount);
    if (affected !== 1) throw new ConflictException(`The balance of user ${id} is lower than ${amount}.`);
  }

  async credit(id: string, amount: number): Promise<void> {
    const { affected } = await this.users.increment({ id }, 'balance', amount);
    if (affected !== 1) throw new NotFoundException(`There is no user ${id}.`);
  }
}
