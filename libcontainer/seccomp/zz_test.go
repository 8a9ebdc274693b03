package seccomp
import ("testing";"os";"teu/internal/sys";"github.com/opencontainers/runtime-spec/specs-go")
func TestZZ(t *testing.T){
 p:=docker(t)
 f:=mustCompile(t,p)
 // conditional only
 pc:=*p; pc.Syscalls=nil
 cond:=map[string]bool{}
 for _,r:=range p.Syscalls { if len(r.Args)>0 { pc.Syscalls=append(pc.Syscalls,r); for _,n:=range r.Names {cond[n]=true} } }
 c := compiler{profile: &pc}; c.start(); for i := range pc.Syscalls { c.syscalls(i) }; c.finish()
 fc:=c.entry.filter.BPF[len(c.stub()):]
 os.WriteFile("/tmp/h/meas.o7p0/cond.bpf",fc,0644)
 t.Log("cond insns", len(fc)/8)
 // tables
 type rng struct{lo uint32; v uint32; filter bool}
 table:=func(arch uint32, base uint32, max uint32) []rng {
  var out []rng
  for nr:=uint32(0); nr<=max; nr++ {
   a,_:=run(f.BPF,call{arch:arch,nr:base+nr}); b,_:=run(f.BPF,call{arch:arch,nr:base+nr,args:[6]uint64{40,0x1234567,5,6,7,8}}); cc,_:=run(f.BPF,call{arch:arch,nr:base+nr,args:[6]uint64{0x7e020000}}); 
   x:=rng{lo:base+nr,v:a,filter: a!=b||a!=cc}
   if n:=len(out); n==0 || out[n-1].v!=x.v || out[n-1].filter!=x.filter || x.filter { out=append(out,x) }
  }
  return out
 }
 tabs:=[][]rng{table(sys.AuditArchX86_64,0,511),table(sys.AuditArchX86,0,511),table(sys.AuditArchX86_64,sys.X32SyscallBit,560)}
 // emit: leaf returns: build recursively code with JA to end for filter
 var emit func(r []rng) []byte
 emit=func(r []rng) []byte {
  if len(r)==1 { if r[0].filter { return insn(nil,sys.BPFJump,0,0,0xfffffff0) }; return insn(nil,sys.BPFReturn,0,0,r[0].v) }
  m:=len(r)/2
  lo,hi:=emit(r[:m]),emit(r[m:])
  if len(lo)/8<256 { return append(append(insn(nil,sys.BPFJumpGe,uint8(len(lo)/8),0,r[m].lo),lo...),hi...) }
  return append(append(append(insn(nil,sys.BPFJumpGe,0,1,r[m].lo),insn(nil,sys.BPFJump,0,0,uint32(len(lo)/8))...),lo...),hi...)
 }
 ta,tb,tx:=emit(tabs[0]),emit(tabs[1]),emit(tabs[2])
 t.Log("ranges",len(tabs[0]),len(tabs[1]),len(tabs[2]),"insns",len(ta)/8,len(tb)/8,len(tx)/8)
 code:=insn(nil,sys.BPFLoadWord,0,0,4)
 code=insn(code,sys.BPFJumpEq,0,2,sys.AuditArchX86_64)
 code=insn(code,sys.BPFLoadWord,0,0,0)
 code=insn(code,sys.BPFJump,0,0,uint32(2+len(tb)/8 ))
 code=insn(code,sys.BPFJumpEq,1,0,sys.AuditArchX86)
 code=insn(code,sys.BPFReturn,0,0,0)
 code=insn(code,sys.BPFLoadWord,0,0,0)
 // fix: JA from idx3 to after tb
 code=append(code,tb...)
 start:=len(code)/8
 copy(code[3*8:],insn(nil,sys.BPFJump,0,0,uint32(start-4)))
 code=insn(code,sys.BPFJumpGe,0,1,sys.X32SyscallBit)
 code=insn(code,sys.BPFJump,0,0,uint32(len(ta)/8))
 code=append(code,ta...); code=append(code,tx...)
 n:=len(code)/8
 for i:=0;i<n;i++ { if code[i*8]==sys.BPFJump && code[i*8+7]==0xff { copy(code[i*8:],insn(nil,sys.BPFJump,0,0,uint32(n-i-1))) } }
 code=append(code,fc...)
 bad:=0
 for _,a:=range []uint32{sys.AuditArchX86_64,sys.AuditArchX86} { for _,b:=range []uint32{0,sys.X32SyscallBit} { if a==sys.AuditArchX86&&b!=0 {continue}; for nr:=uint32(0);nr<512;nr++ { for _,ar:=range []uint64{0,8,40,0x7e020000} { x,_:=run(f.BPF,call{arch:a,nr:b+nr,args:[6]uint64{ar}}); y,e:=run(code,call{arch:a,nr:b+nr,args:[6]uint64{ar}}); if x!=y||e!=nil { bad++ } } } } }
 t.Log("insns",len(code)/8,"bad",bad)
 os.WriteFile("/tmp/h/meas.o7p0/range.bpf",code,0644)
 _=specs.ActAllow
}
