/** What is counted where it happens, for whoever asks for metrics later. */
export const binds = { accepted: 0, refused: 0 }

export const countBind = ({ ok }: { ok: boolean }): void => {
  binds[ok ? 'accepted' : 'refused']++
}

/** What slaves were given on the port for files. */
export const blobs = { sent: 0, bytes: 0 }

export const countBlob = (bytes: number): void => {
  blobs.sent++
  blobs.bytes += bytes
}
