import { Body, Controller, Get, Param, Post } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { ById } from '@tallystick/chassis';
import { CreateUser, UserView } from './users.dto';
import { UsersService } from './users.service';

@ApiTags('users')
@Controller('users')
export class UsersController {
  constructor(private readonly users: UsersService) {}

  @Post()
  @ApiCreatedResponse({ type: UserView })
  create(@Body() { name, balance }: CreateUser): Promise<UserView> {
    return this.users.create(name, balance);
  }

  @Get(':id')
  @ApiOkResponse({ type: UserView })
  get(@Param() { id }: ById): Promise<UserView> {
    return this.users.get(id);
  }
}
