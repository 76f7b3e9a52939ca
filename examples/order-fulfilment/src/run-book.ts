import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs'

interface Entry {
  readonly order: string
  readonly runId: string
}

/**
 * Which run belongs to which order, in a file. An application has a column
 * in its orders table for this.
 *
 * The id is on the disk before the run's first step. A process that dies
 * between creating a run and this leaves a run that did nothing.
 */
export class RunBook {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  add(order: string, runId: string): void {
    const file = openSync(this.#path, 'a')
    try {
      writeSync(file, `${JSON.stringify({ order, runId })}\n`)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  }

  read(): Map<string, string> {
    if (!existsSync(this.#path)) return new Map()
    const lines = readFileSync(this.#path, 'utf8').split('\n').filter(Boolean)
    return new Map(
      lines.map((line) => {
        const { order, runId } = JSON.parse(line) as Entry
        return [order, runId]
      })
    )
  }
}
