{{/* Mounts that depend on no service: /tmp and the certificates. Whole folders, so that what changes in a Secret arrives. */}}
{{- define "parley.mounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if .root.Values.tls.enabled }}
- {name: tls, mountPath: /etc/parley/tls, readOnly: true}
{{- end }}
{{- end }}

{{- define "parley.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: {{ .root.Values.tmpSize }}}
{{- with .root.Values.tls }}
{{- if .enabled }}
- name: tls
  secret:
    secretName: {{ include "parley.tlsSecret" $ }}
    defaultMode: 0440
    items:
      - {key: {{ .certificateKey | quote }}, path: {{ .certificateKey | quote }}}
      - {key: {{ .privateKeyKey | quote }}, path: {{ .privateKeyKey | quote }}}
      - {key: {{ .caKey | quote }}, path: {{ .caKey | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{- define "parley.tlsSecret" -}}
{{- $tls := .root.Values.tls }}
{{- if $tls.certManager.enabled }}
{{- include "parley.name" . }}-tls
{{- else }}
{{- index $tls.existingSecrets .name | default $tls.existingSecret }}
{{- end }}
{{- end }}

{{- define "parley.databaseMount" -}}
{{- if .root.Values.database.ca.existingSecret }}
- {name: database, mountPath: /etc/parley/database, readOnly: true}
{{- end }}
{{- end }}

{{- define "parley.databaseVolume" -}}
{{- with .root.Values.database.ca }}
{{- if .existingSecret }}
- name: database
  secret:
    secretName: {{ .existingSecret | quote }}
    defaultMode: 0440
    items:
      - {key: {{ .key | quote }}, path: {{ .key | quote }}}
{{- end }}
{{- end }}
{{- end }}
