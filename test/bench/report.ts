/** One measured row: what, how much, beside its baseline of the same run, and the ratio that is asked for. */
export type Row = {
  what: string
  value: number
  unit: string
  baseline?: { what: string; value: number }
  /** value / baseline, or the reverse where smaller is better; `wanted` as the issue words it. */
  ratio?: number
  wanted?: string
  /** What the value is made of, in its unit. */
  parts?: Record<string, number>
}

/** The value below which a share of the measurements lies (nearest rank). */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
  if (value === undefined) throw new Error('nothing was measured')
  return value
}

/** Prints the rows as a table, then as one JSON object on the last line. */
export function report(bench: string, rows: readonly Row[]): void {
  const cells = rows.map(({ what, value, unit, baseline, ratio, wanted }) => [
    what,
    `${shown(value)} ${unit}`,
    baseline ? `${baseline.what}: ${shown(baseline.value)} ${unit}` : '',
    ratio === undefined ? '' : ratio.toFixed(2),
    wanted ?? '',
  ])
  printTable([['what', 'measured', 'baseline', 'ratio', 'wanted'], ...cells])
  console.log(JSON.stringify({ bench, at: new Date().toISOString(), rows }))
}

/** Columns as wide as their widest cell. */
export function printTable(table: readonly string[][]): void {
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? []
  for (const row of table)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
}

function shown(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3)
}

/** Calls `once` from `width` loops until `ms` have passed; calls per second. */
export async function ratePerSecond(width: number, ms: number, once: () => Promise<unknown>): Promise<number> {
  const end = Date.now() + ms
  const begun = performance.now()
  let calls = 0
  const loop = async () => {
    while (Date.now() < end) {
      await once()
      calls++
    }
  }
  await Promise.all(Array.from({ length: width }, loop))
  return (calls / (performance.now() - begun)) * 1000
}
