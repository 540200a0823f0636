import { type Fault, faultName } from './schedule.js'

/** What became of one step of the schedule. */
export type FaultRecord = {
  faults: Fault[]
  recovered: boolean
  /** From the blow until the process is back, or the connection passes again. */
  secondsAway: number
  /** From then on until a step is done where it was struck, and the API answers. */
  secondsToWork: number
  /** Steps that had to be done again. */
  lostSteps: number
}

export type FaultRow = {
  fault: string
  count: number
  recovered: number
  p50Seconds: number
  p95Seconds: number
  mostSeconds: number
  lostSteps: number
}

/** One row a kind; two faults at once are a kind of their own, since nothing tells which of them cost what. */
export function faultTable(records: FaultRecord[]): FaultRow[] {
  const kinds = new Map<string, FaultRecord[]>()
  for (const record of records) {
    const [first, second] = record.faults
    const name = second || !first ? 'two at once' : faultName(first)
    kinds.set(name, [...(kinds.get(name) ?? []), record])
  }
  const rows = [...kinds].map(([fault, of]) => row(fault, of)).sort((a, b) => a.fault.localeCompare(b.fault))
  return [...rows, row('all', records)]
}

function row(fault: string, records: FaultRecord[]): FaultRow {
  const seconds = records.map(({ secondsToWork }) => secondsToWork).sort((a, b) => a - b)
  return {
    fault,
    count: records.length,
    recovered: records.filter(({ recovered }) => recovered).length,
    p50Seconds: quantile(seconds, 0.5),
    p95Seconds: quantile(seconds, 0.95),
    mostSeconds: quantile(seconds, 1),
    lostSteps: records.reduce((sum, { lostSteps }) => sum + lostSteps, 0),
  }
}

function quantile(sorted: number[], share: number): number {
  const at = Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)
  return Math.round((sorted[Math.max(0, at)] ?? 0) * 10) / 10
}

export function tableText(rows: FaultRow[]): string {
  const head = ['fault', 'count', 'recovered', 'p50 s', 'p95 s', 'most s', 'lost steps']
  const lines = rows.map(({ fault, count, recovered, p50Seconds, p95Seconds, mostSeconds, lostSteps }) => [
    fault,
    String(count),
    `${Math.floor((100 * recovered) / count)} %`,
    ...[p50Seconds, p95Seconds, mostSeconds].map((s) => s.toFixed(1)),
    String(lostSteps),
  ])
  return [head, ...lines]
    .map((cells) => cells.map((cell, i) => (i === 0 ? cell.padEnd(16) : cell.padStart(11))).join(''))
    .join('\n')
}
