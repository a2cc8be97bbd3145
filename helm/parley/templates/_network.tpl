{{/* NetworkPolicies and their rules. Whatever no rule names is refused, in both directions. */}}

{{- define "parley.networkPolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "parley.name" . }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "parley.labels" . | trim | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "parley.selectorLabels" . | trim | nindent 6 }}
  policyTypes: [Ingress, Egress]
{{- end }}

{{/* Peers: the pods of the release's components that `names` lists. */}}
{{- define "parley.peers" -}}
{{- $root := .root }}
{{- range .names }}
- podSelector:
    matchLabels:
      {{- include "parley.selectorLabels" (dict "root" $root "name" .) | trim | nindent 6 }}
{{- end }}
{{- end }}

{{- define "parley.egressToServices" -}}
{{- $root := .root }}
{{- range .names }}
- ports: [{port: {{ include "parley.port" . }}, protocol: TCP}]
  to:
    {{- include "parley.peers" (dict "root" $root "names" (list .)) | trim | nindent 4 }}
{{- end }}
{{- end }}

{{- define "parley.egressToDns" -}}
{{- with .root.Values.networkPolicy.dns }}
- ports:
    - {port: {{ int .port }}, protocol: UDP}
    - {port: {{ int .port }}, protocol: TCP}
  to:
    {{- toYaml .to | nindent 4 }}
{{- end }}
{{- end }}

{{- define "parley.egressToDatabase" -}}
- ports: [{port: {{ int .root.Values.database.port }}, protocol: TCP}]
  {{- with .root.Values.networkPolicy.database.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* 443 outside the cluster: Twilio, and what agents call. */}}
{{- define "parley.egressToOutside" -}}
{{- $v4 := list }}
{{- $v6 := list }}
{{- range .root.Values.networkPolicy.clusterCIDRs }}
{{- if contains ":" . }}{{ $v6 = append $v6 . }}{{ else }}{{ $v4 = append $v4 . }}{{ end }}
{{- end }}
- ports: [{port: 443, protocol: TCP}]
  to:
    {{- range $all, $except := dict "0.0.0.0/0" $v4 "::/0" $v6 }}
    - ipBlock:
        cidr: {{ $all | quote }}
        {{- with $except }}
        except: {{ toJson . }}
        {{- end }}
    {{- end }}
{{- end }}

{{- define "parley.egressToCollector" -}}
{{- if .root.Values.telemetry.otlpEndpoint }}
{{- with .root.Values.networkPolicy.collector }}
- ports: [{port: {{ int .port }}, protocol: TCP}]
  to:
    {{- toYaml .to | nindent 4 }}
{{- end }}
{{- end }}
{{- end }}
