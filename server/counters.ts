/** What is counted where it happens, for whoever asks for metrics later. */
export const binds = { accepted: 0, refused: 0 }

export const countBind = ({ ok }: { ok: boolean }): void => {
  binds[ok ? 'accepted' : 'refused']++
}
