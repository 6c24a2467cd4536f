import type { ServerResponse } from 'node:http';
import { Body, Controller, Get, Param, Post, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiRefusals, ById, LOCATION, TOO_LARGE } from '@tallystick/chassis';
import { CreateUser, UserView } from './users.dto';
import { UsersService } from './users.service';

@ApiTags('users')
@Controller('users')
export class UsersController {
  constructor(private readonly users: UsersService) {}

  @Post()
  @ApiOperation({ summary: 'Opens an account with a first deposit' })
  @ApiCreatedResponse({ type: UserView, headers: LOCATION })
  @ApiRefusals(TOO_LARGE)
  async create(
    @Body() { name, balance }: CreateUser,
    @Res({ passthrough: true }) response: ServerResponse,
  ): Promise<UserView> {
    const user = await this.users.create(name, balance);
    response.setHeader('Location', `/users/${user.id}`);
    return user;
  }

  @Get(':id')
  @ApiOperation({ summary: 'A user, with the balance of now' })
  @ApiOkResponse({ type: UserView })
  @ApiRefusals({ 404: 'There is no such user' })
  get(@Param() { id }: ById): Promise<UserView> {
    return this.users.get(id);
  }
}
