/** Takes ffmpeg's framecrc output in whatever pieces it comes, and gives it on line by line. */
export function frameLines(receive: (line: string) => void): (piece: Buffer) => void {
  let rest = ''
  return (piece) => {
    const lines = `${rest}${piece.toString('latin1')}`.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) receive(line)
  }
}
