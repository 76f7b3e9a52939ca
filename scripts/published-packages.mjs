import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The packages below `root` that go to npm: not private. */
export function publishedPackages(root) {
  return readdirSync(join(root, 'packages'))
    .map((folder) => {
      const path = join(root, 'packages', folder)
      const manifest = JSON.parse(
        readFileSync(join(path, 'package.json'), 'utf8')
      )
      return { path, name: manifest.name, manifest }
    })
    .filter(({ manifest }) => manifest.private !== true)
}
