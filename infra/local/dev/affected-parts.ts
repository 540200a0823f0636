/** The parts of a stack that run what a source file holds, of those that there are; 'stack' where it is what starts them. */
export function affectedParts(path: string, names: readonly string[]): readonly string[] | 'stack' {
  const [folder = '', room = ''] = path.split('/')
  const programs = names.filter((name) => /^(api|videos|media|runner|node)\b/.test(name))
  const of = (...kinds: string[]) => programs.filter((name) => kinds.some((kind) => name.split('-')[0] === kind))
  if (!/\.(ts|mjs|js|py|proto)$/.test(path)) return []
  switch (folder) {
    case 'api':
      return of('api')
    case 'activities':
      return of('videos', 'media', 'node')
    case 'gaudi-runner':
      if (['generated', 'tests', 'tools'].includes(room)) return []
      // The node's worker speaks to the runner by these.
      return ['client', 'contract', 'runner.proto'].includes(room) ? of('runner', 'node') : of('runner')
    case 'workflows':
      return programs
    case 'infra':
      return room === 'local' ? 'stack' : programs
    default:
      return []
  }
}
