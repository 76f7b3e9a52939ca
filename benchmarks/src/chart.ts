import { contenderOf, type Kind } from './contenders.ts'
import { format } from './markdown.ts'
import type { Row, Scenario } from './scenario.ts'

const WIDTH = 760
const LABELS = 250
const FIGURES = 150
const BAR = 22
const UNPIPELINED = '#93b4f5'
const COLOURS: Record<Kind, string> = {
  ours: '#2563eb',
  published: '#b45309',
  memory: '#64748b',
  floor: '#0f766e',
}

/** Bars of the scenario's headline metric, grouped by case, each with ratios. */
export function drawChart(
  { title, metrics, headline, sharedScale = false }: Scenario,
  rows: readonly Row[]
): string {
  const metric = metrics[headline]!
  const shown = rows.filter((row) => row.metric === headline)
  const groups = Map.groupBy(shown, (row) => row.case)
  const parts: string[] = []
  let y = 34
  for (const [name, bars] of groups) {
    parts.push(text(12, y + 12, name, 'class="case"'))
    y += 20
    const compared = sharedScale ? shown : bars
    const most = Math.max(...compared.map((row) => row.median))
    for (const row of bars) {
      parts.push(bar(row, y, most, metric.unit))
      y += BAR
    }
    y += 10
  }
  const hasPublished = shown.some((row) => row.toPublished !== undefined)
  const reference = hasPublished ? ' (× the published package)' : ''
  const subtitle = `${metric.label}, ${metric.better} is better${reference}`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img">
<style>
text { font: 12px system-ui, sans-serif; fill: #1f2937 }
.title { font-weight: 600; font-size: 14px }
.case { font-weight: 600 }
</style>
<rect width="100%" height="100%" fill="#ffffff"/>
${text(12, 20, `${title}: ${subtitle}`, 'class="title"')}
${parts.join('\n')}
</svg>
`
}

function bar(row: Row, y: number, most: number, unit: string): string {
  const { label, kind, pipelining } = contenderOf(row.contender)
  const colour = pipelining === false ? UNPIPELINED : COLOURS[kind]
  const room = WIDTH - LABELS - FIGURES
  const width = most === 0 ? 0 : Math.max(1, (row.median / most) * room)
  const beside =
    row.toPublished === undefined || kind === 'published'
      ? ''
      : ` (× ${format(row.toPublished)})`
  const figure = `${format(row.median)} ${unit}`.trim() + beside
  return [
    text(LABELS - 8, y + 14, label, 'text-anchor="end"'),
    `<rect x="${LABELS}" y="${y + 3}" width="${width.toFixed(1)}" height="${BAR - 7}" rx="2" fill="${colour}"/>`,
    text(LABELS + width + 6, y + 14, figure),
  ].join('\n')
}

function text(x: number, y: number, words: string, rest = ''): string {
  const escaped = words
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
  return `<text x="${x.toFixed(1)}" y="${y}" ${rest}>${escaped}</text>`
}
