import { HttpException } from '@nestjs/common';

export class MethodNotAllowed extends HttpException {
  constructor() {
    super('this path takes another method', 405);
  }
}
