/** A Redis reply as it came over the wire: errors inside an array are values, an error on its own rejects. */
export type RawReply = string | number | null | RawReplyError | RawReply[]

export class RawReplyError extends Error {
  override readonly name = 'RawReplyError'
  /** The first word of the error, such as `WRONGTYPE`. */
  readonly code: string

  constructor(message: string) {
    super(message)
    this.code = message.split(' ', 1)[0] ?? ''
  }
}

export interface ParsedReply {
  readonly reply: RawReply
  /** Where the next reply begins. */
  readonly end: number
}

/** Reads the RESP2 reply that begins at `start`; `undefined` when its end has not arrived yet. */
export function parseRawReply(
  data: Buffer,
  start = 0
): ParsedReply | undefined {
  const lineEnd = data.indexOf('\r\n', start)
  if (lineEnd === -1) return undefined
  const line = data.toString('utf8', start + 1, lineEnd)
  const next = lineEnd + 2

  switch (String.fromCharCode(data[start]!)) {
    case '+':
      return { reply: line, end: next }
    case '-':
      return { reply: new RawReplyError(line), end: next }
    case ':':
      return { reply: Number(line), end: next }
    case '$':
      return parseBulk(data, next, Number(line))
    case '*':
      return parseArray(data, next, Number(line))
    default:
      throw new Error(
        `not a RESP2 reply: ${JSON.stringify(data.toString('utf8', start, lineEnd))}`
      )
  }
}

function parseBulk(
  data: Buffer,
  start: number,
  length: number
): ParsedReply | undefined {
  if (length === -1) return { reply: null, end: start }
  const end = start + length
  if (data.length < end + 2) return undefined
  return { reply: data.toString('utf8', start, end), end: end + 2 }
}

function parseArray(
  data: Buffer,
  start: number,
  length: number
): ParsedReply | undefined {
  if (length === -1) return { reply: null, end: start }
  const reply: RawReply[] = []
  let end = start
  for (let index = 0; index < length; index++) {
    const parsed = parseRawReply(data, end)
    if (!parsed) return undefined
    reply.push(parsed.reply)
    end = parsed.end
  }
  return { reply, end }
}
