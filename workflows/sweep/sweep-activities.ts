/** What a sweep removed, and of how many videos nobody could say whether they exist. */
export type Swept = {
  videos: number
  objects: number
  uploads: number
  claims: number
  nodes: number
  unsure: number
}

export type SweepActivities = {
  /** Queue `videos`: removes what killed processes left in S3. May be run as often as one likes. */
  sweep(): Promise<Swept>
}
