import { setTimeout as delay } from 'node:timers/promises'
import {
  type RedisCommand,
  type RedisReply,
  RedisReplyError,
} from '@pikku/redis-core'
import { CountedAdapter } from './counted-adapter.js'

/** Fails the next call that is like this, a moment later. */
export class FailingAdapter extends CountedAdapter {
  failing: string | undefined

  override async send(command: RedisCommand): Promise<RedisReply> {
    if (this.failing === undefined || !command.args.includes(this.failing)) {
      return super.send(command)
    }
    this.failing = undefined
    await delay(20)
    throw new RedisReplyError('OOM command not allowed')
  }
}
