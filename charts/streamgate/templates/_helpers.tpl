{{/* Name of everything the chart makes. */}}
{{- define "streamgate.name" -}}
{{- if contains "streamgate" .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-streamgate" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* What selects the operator's pods; immutable in a Deployment. */}}
{{- define "streamgate.selector" -}}
app.kubernetes.io/name: streamgate-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "streamgate.labels" -}}
{{ include "streamgate.selector" . }}
app.kubernetes.io/component: operator
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name (.Chart.Version | replace "+" "_") }}
{{- end }}
