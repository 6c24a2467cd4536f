import { Cents, Text, Uuid } from '@tallystick/chassis';

export class CreateUser {
  @Text({ max: 100, example: 'Ada' })
  name!: string;

  @Cents()
  balance!: number;
}

export class UserView extends CreateUser {
  @Uuid()
  id!: string;
}
