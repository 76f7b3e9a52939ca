/** Finds the commands in what a client sends, in whichever pieces it comes. */
export class RequestParser {
  readonly #onCommand: (name: string) => void
  #line = ''
  #unread = 0
  #name = ''
  #isName = false
  #argumentsLeft = 0

  constructor(onCommand: (name: string) => void) {
    this.#onCommand = onCommand
  }

  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#unread > 0) {
        const end = Math.min(at + this.#unread, chunk.length)
        if (this.#isName) this.#name += chunk.toString('latin1', at, end)
        this.#unread -= end - at
        at = end
        if (this.#unread === 0) this.#endArgument()
        continue
      }
      const newline = chunk.indexOf('\n', at)
      const end = newline === -1 ? chunk.length : newline
      this.#line += chunk.toString('latin1', at, end)
      at = end + 1
      if (newline !== -1) this.#endLine()
    }
  }

  #endLine(): void {
    const number = Number(this.#line.slice(1))
    if (this.#line.startsWith('*')) {
      this.#argumentsLeft = number
      this.#isName = true
    } else {
      // The two are of the line end after the argument.
      this.#unread = number + 2
    }
    this.#line = ''
  }

  #endArgument(): void {
    this.#isName = false
    if (--this.#argumentsLeft > 0) return
    this.#onCommand(this.#name.trimEnd().toUpperCase())
    this.#name = ''
  }
}
